"""
django-oauth-toolkit as cheap as documented settings permit, its own and Django's: only the middleware it needs.

Its application keeps its secret unhashed (hash_client_secret), which the setup does.
"""

from .toolkit_settings import *  # noqa: F403
from .toolkit_settings import DATABASES, OAUTH2_PROVIDER

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
# Server-side binding is what makes prepared statements possible.
DATABASES["default"] |= {"CONN_MAX_AGE": None, "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1}}
OAUTH2_PROVIDER |= {"PKCE_REQUIRED": False}
