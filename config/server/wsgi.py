"""
WSGI entry point of the authorization server's site through Django's handler alone: SERVE_DIRECT=0 (docs/deploy.md).
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")

import django
from django.conf import settings

from config.server.handler import Handler
from config.server.proxies import behind_proxies

django.setup(set_prefix=False)
application = behind_proxies(Handler(), settings.TRUSTED_PROXIES)
