"""A default host project: error mails to ADMINS, Django's own logging, and Sentry without its own scrubbing."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import SETTINGS, STATE_DIR

DEBUG = os.environ.get("REPORTS_DEBUG") == "1"
ADMINS = [("Ada", "ada@example.com")]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ROOT_URLCONF = "tests.reports.urls"
LOGGING = {}
OAUTH_SERVICE_METRICS_SECRET = "metrics-secret-of-the-report-tests"
OAUTH_SERVICE_FAILURE_LIMIT = 1000
NAME = f"reports_{os.getpid()}"
# A single database, even if the surrounding tests use several (TEST_ROUTERS).
DATABASES = {"default": SETTINGS | {"NAME": NAME}}
DATABASE_ROUTERS = []
if os.environ.get("TEST_DATABASE") == "postgres":
    import psycopg

    with psycopg.connect(
        f"host={os.environ['TEST_POSTGRES_HOST']} user=postgres dbname=postgres", autocommit=True
    ) as own:
        own.execute(f'CREATE DATABASE "{NAME}"')
else:
    DATABASES["default"]["NAME"] = str(STATE_DIR / f"{NAME}.sqlite3")
