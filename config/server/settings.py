"""
Settings of the authorization server's site: http://localhost:8000, and with DEBUG=0 the URL in OAUTH_SERVICE_ISSUER.

Everything that differs between deployments comes from the environment; docs/deploy.md lists it.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.server import logs
from config.server.cache import cache
from config.server.database import database
from config.server.environment import number
from oauth_service.protocol.claims_request import CLAIMS_OF_SCOPE
from oauth_service.protocol.forwarded import TrustedProxies
from oauth_service.protocol.redirect_uri import LOOPBACK_HOSTS

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE_DIR = Path(os.environ.get("STATE_DIR", BASE_DIR / "var"))
STATE_DIR.mkdir(parents=True, exist_ok=True)


def _list(name: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


DEBUG = os.environ.get("DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("SECRET_KEY", "insecure-development-key-of-the-authorization-server" if DEBUG else "")
SECRET_KEY_FALLBACKS = _list("SECRET_KEY_FALLBACKS")

OAUTH_SERVICE_ISSUER = os.environ.get("OAUTH_SERVICE_ISSUER", "http://localhost:8000" if DEBUG else "")
OAUTH_SERVICE_TOKEN_KEY = os.environ.get("OAUTH_SERVICE_TOKEN_KEY", "")
OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = _list("OAUTH_SERVICE_TOKEN_KEY_FALLBACKS")
OAUTH_SERVICE_METRICS_ADDRESSES = _list("METRICS_ADDRESSES")
OAUTH_SERVICE_METRICS_SECRET = os.environ.get("METRICS_SECRET", "")
OAUTH_SERVICE_REQUEST_ID_HEADER = "X-Request-ID"  # proxies.py accepts it from our own proxies only
OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(seconds=number("ACCESS_TOKEN_SECONDS", 3600, least=1, most=86_400))
# For these three, 0 means without end.
OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME = timedelta(days=number("REFRESH_TOKEN_DAYS", 30, most=3650)) or None
OAUTH_SERVICE_CONNECTION_LIFETIME = timedelta(days=number("CONNECTION_DAYS", 0, most=3650)) or None
OAUTH_SERVICE_SIGNING_KEY_LIFETIME = timedelta(days=number("SIGNING_KEY_DAYS", 90, most=730)) or None
if _algorithms := _list("SIGNING_ALGORITHMS"):
    OAUTH_SERVICE_SIGNING_ALGORITHMS = _algorithms
OAUTH_SERVICE_ASSERTIONS_FOR_TOKEN_ENDPOINT = os.environ.get("ASSERTIONS_FOR_TOKEN_ENDPOINT", "0") == "1"
OAUTH_SERVICE_END_CONNECTIONS_ON_PASSWORD_CHANGE = os.environ.get("END_CONNECTIONS_ON_PASSWORD_CHANGE", "0") == "1"
OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = os.environ.get("GLOBAL_TOKEN_REVOCATION", "0") == "1"
OAUTH_SERVICE_AUDIT_LIFETIME = timedelta(days=number("AUDIT_DAYS", 90, most=36_500))
OAUTH_SERVICE_FAILURE_LIMIT = number("FAILURE_LIMIT", 10, least=1, most=1000)
OAUTH_SERVICE_OUTBOUND_LOOPBACK = os.environ.get("OUTBOUND_LOOPBACK", "0") == "1"
OAUTH_SERVICE_PAIRWISE_KEY = os.environ.get("OAUTH_SERVICE_PAIRWISE_KEY", "")
if os.environ.get("OPENID", "1") == "1":
    # The scope openid switches OpenID Connect on.
    OAUTH_SERVICE_SCOPES = {
        "user": "Your username and e-mail address",
        "profile": "Your name and when your profile was last updated",
        "openid": "Who you are",
        "email": "Your e-mail address",
        "address": "Your postal address",
        "phone": "Your telephone number",
        "offline_access": "All this while you are away",
    }
    OAUTH_SERVICE_ACR = "1"  # ISO/IEC 29115 level 1: a password, and no proof of identity
    OAUTH_SERVICE_CLAIMS = "config.demo.claims.claims_of"
    OAUTH_SERVICE_CLAIMS_SUPPORTED = [name for names in CLAIMS_OF_SCOPE.values() for name in names]
OAUTH_SERVICE_REGISTRATION = os.environ.get("REGISTRATION", "")
OAUTH_SERVICE_REGISTRATION_REQUIRES_PKCE = os.environ.get("REGISTRATION_PKCE", "1") == "1"
OAUTH_SERVICE_REGISTRATION_SCOPES = _list("REGISTRATION_SCOPES")
OAUTH_SERVICE_REGISTRATION_LIMIT = number("REGISTRATION_LIMIT", 60, least=1, most=100_000)
OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = os.environ.get("CLIENT_ID_METADATA_DOCUMENTS", "0") == "1"
OAUTH_SERVICE_CLIENT_ID_METADATA_ALLOWED_HOSTS = _list("CLIENT_ID_METADATA_ALLOWED_HOSTS")
OAUTH_SERVICE_CLIENT_ID_METADATA_BLOCKED_HOSTS = _list("CLIENT_ID_METADATA_BLOCKED_HOSTS")
OAUTH_SERVICE_DEVICE_AUTHORIZATION = os.environ.get("DEVICES", "1" if DEBUG else "0") == "1"
OAUTH_SERVICE_INTROSPECTION = os.environ.get("INTROSPECTION", "1" if DEBUG else "0") == "1"
OAUTH_SERVICE_SERVICE_NAME = os.environ.get("OAUTH_SERVICE_SERVICE_NAME", "OAuth Service")
OAUTH_SERVICE_SUPPORT_CONTACT = os.environ.get("OAUTH_SERVICE_SUPPORT_CONTACT", "")
# The demo's own while DEBUG is on: their words start with a verb.
OAUTH_SERVICE_ACTION_SCOPES = _list("ACTION_SCOPES") or (["orders:write", "prescriptions:order"] if DEBUG else [])

try:
    ISSUER = urlsplit(OAUTH_SERVICE_ISSUER)
except ValueError as fault:
    raise ImproperlyConfigured(f"OAUTH_SERVICE_ISSUER is not a URL: {fault}.") from fault
if DEBUG and ISSUER.hostname and ISSUER.hostname not in LOOPBACK_HOSTS:
    # DEBUG is the default, with a public SECRET_KEY and error pages that show internals: for this machine only.
    raise ImproperlyConfigured("OAUTH_SERVICE_ISSUER is not a URL of this machine, but DEBUG is on. Set DEBUG=0.")
ISSUER_HOST = f"[{ISSUER.hostname}]" if ":" in (ISSUER.hostname or "") else ISSUER.hostname
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = _list("ALLOWED_HOSTS") or list(dict.fromkeys([*filter(None, [ISSUER_HOST]), *LOOPBACK]))
CSRF_TRUSTED_ORIGINS = [f"{ISSUER.scheme}://{ISSUER.netloc}"] if ISSUER.netloc else []
try:
    TRUSTED_PROXIES = TrustedProxies.parse(_list("TRUSTED_PROXIES"))
except ValueError as fault:
    raise ImproperlyConfigured(f"TRUSTED_PROXIES: {fault}.") from fault
OAUTH_SERVICE_TRUSTED_PROXIES: list[str] = []  # proxies.py has already replaced the proxy's address with the client's

INSTALLED_APPS = [
    "oauth_service",
    "config.demo",
    "config.server.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.server.urls"
WSGI_APPLICATION = "config.server.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database(os.environ.get("DATABASE_URL") or f"sqlite:///{STATE_DIR / 'server.sqlite3'}")}
CACHES = {"default": cache(os.environ.get("CACHE_URL", ""))}
# Our pages need no larger body than the endpoints (OAUTH_SERVICE_REQUEST_BODY_LIMIT), and workers receive no more.
DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGIN_URL = "oauth_service:login"
LOGOUT_REDIRECT_URL = "oauth_service:signed_out"
SESSION_ENGINE = "oauth_service.sessions"
AUTHENTICATION_BACKENDS = ["oauth_service.sessions.Backend"]
SESSION_COOKIE_NAME = "sessionid"
CSRF_FAILURE_VIEW = "oauth_service.http.csrf_failure"
# An http issuer is allowed on this machine only (oauth_service.E006), for trials and measurements without TLS.
HAS_TLS = not DEBUG and ISSUER.scheme != "http"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HAS_TLS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)/?$"]  # called from inside, past the proxy that ends TLS
SECURE_HSTS_SECONDS = number("HSTS_SECONDS", 31_536_000) if HAS_TLS else 0
SECURE_REFERRER_POLICY = "same-origin"
# Only the domain's owner knows whether its other hosts use https.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
if not DEBUG:
    # File names contain a hash of the content: browsers keep them for ever and still see an upgrade at once.
    MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

LOGGING = logs.as_text() if DEBUG else logs.as_json()
