"""WSGI entry of the authorization server's site."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")
application = get_wsgi_application()
