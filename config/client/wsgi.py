"""WSGI entry point of the client application's site."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.client.settings")
application = get_wsgi_application()
