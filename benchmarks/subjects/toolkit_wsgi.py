"""WSGI entry point of a django-oauth-toolkit project; DJANGO_SETTINGS_MODULE selects its settings."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
