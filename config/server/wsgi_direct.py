"""
WSGI entry point of the authorization server's site with the fast path of oauth_service.wsgi: `make serve`
(docs/deploy.md).
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")

import django
from django.conf import settings

from config.server.handler import Handler
from config.server.proxies import behind_proxies
from oauth_service.wsgi import direct

django.setup(set_prefix=False)
application = behind_proxies(direct(Handler()), settings.TRUSTED_PROXIES)
