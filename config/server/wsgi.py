"""WSGI entry of the authorization server's site."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.server.proxies import behind_proxies

application = behind_proxies(get_wsgi_application(), settings.TRUSTED_PROXIES)
