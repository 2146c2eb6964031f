"""django-oauth-toolkit with its defaults and Django's: startproject's middleware, the default secret hasher."""

import os

SECRET_KEY = "the-benchmark's-own-secret-key-of-fifty-characters-"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "oauth2_provider",
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
ROOT_URLCONF = "benchmarks.subjects.toolkit_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
LOGIN_URL = "/login/"
DATABASES: dict[str, dict[str, object]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PGHOST"],
        "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"],
        # Django's default connects anew for each request. That is the project's choice, and ours is 60 too.
        "CONN_MAX_AGE": 60,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
OAUTH2_PROVIDER: dict[str, object] = {"SCOPES": {"user": "Your username", "profile": "Your profile"}}
if os.environ.get("OPENID"):
    from .toolkit_key import PEM

    OAUTH2_PROVIDER |= {
        "SCOPES": {"openid": "Who you are", "user": "Your username", "profile": "Your profile"},
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": PEM,
    }
