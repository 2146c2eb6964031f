"""
django-oauth-toolkit as cheap as documented settings permit, its own and Django's: no middleware it can do without.

Its application keeps its secret as it is (hash_client_secret), which is set where it is made.
"""

from .toolkit_settings import *  # noqa: F403
from .toolkit_settings import DATABASES, OAUTH2_PROVIDER

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
# Statements that are prepared: only the driver's own placeholders make them possible.
DATABASES["default"] |= {"CONN_MAX_AGE": None, "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1}}
OAUTH2_PROVIDER |= {"PKCE_REQUIRED": False}
