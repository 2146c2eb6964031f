"""WSGI entry of the authorization server's site with the direct way in, as `make serve` uses it (docs/deploy.md)."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")

import django
from django.conf import settings

from config.server.handler import Handler
from config.server.proxies import behind_proxies
from oauth_service.wsgi import direct

django.setup(set_prefix=False)
application = behind_proxies(direct(Handler()), settings.TRUSTED_PROXIES)
