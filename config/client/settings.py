"""
Settings of the client application's site, http://127.0.0.1:5000. It has its own database and session cookie, and no
server code.
"""

import os
from pathlib import Path

import dj_database_url

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE_DIR = Path(os.environ.get("STATE_DIR", BASE_DIR / "var"))
STATE_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = os.environ.get("DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("CLIENT_SECRET_KEY", "insecure-development-key-of-the-client-application" if DEBUG else "")
ALLOWED_HOSTS = os.environ.get("CLIENT_ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")

INSTALLED_APPS = [
    "prescription_manager_app",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "prescription_manager_app.headers.SecurityHeadersMiddleware",
    "prescription_manager_app.session_middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "prescription_manager_app.not_found.NotFoundMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.client.urls"
WSGI_APPLICATION = "config.client.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "prescription_manager_app.navigation.navigation",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.config(
        "CLIENT_DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'client.sqlite3'}", conn_max_age=60
    ),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SESSION_COOKIE_NAME = "prescriptions_sessionid"
CSRF_COOKIE_NAME = "prescriptions_csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEBUG
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # not Strict: the browser comes back from the server's site
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # not in a cookie: they name medicines

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles-client"

# Address of the authorization server, and our registration there. The ports are those of config/sites.py.
OAUTH_SERVER_URL = os.environ.get("OAUTH_SERVER_URL", f"http://localhost:{os.environ.get('SERVER_PORT') or 8000}")
OAUTH_CLIENT_ID = os.environ.get("OAUTH_CLIENT_ID", "presc_man_123")
OAUTH_CLIENT_SECRET = os.environ.get("OAUTH_CLIENT_SECRET", "ITS_A_VERY_SECRET_KEY" if DEBUG else "")
OAUTH_REDIRECT_URI = os.environ.get(
    "OAUTH_REDIRECT_URI", f"http://127.0.0.1:{os.environ.get('CLIENT_PORT') or 5000}/callback"
)
OAUTH_SCOPE = "user profile"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"callback_query": {"()": "prescription_manager_app.redaction.CallbackQueryFilter"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "prescription_manager_app": {"handlers": ["console"], "level": "INFO", "propagate": True},
        "django.server": {"handlers": ["console"], "filters": ["callback_query"], "level": "INFO", "propagate": False},
    },
}
