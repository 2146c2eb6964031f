"""Whether this server can do its work: what is missing, in words that tell a stranger nothing."""

import threading

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error

from .. import conf, database

_is_migrated = threading.Event()


def missing() -> list[str]:
    """What is missing of `keys`, `database` and `migrations`; nothing of it means ready."""
    found = [] if _has_keys() else ["keys"]
    try:
        if not _takes_writes(connections[database.ours()]):
            return [*found, "database"]
        # Reading every migration of the project costs milliseconds, and applied ones stay so.
        if not _is_migrated.is_set() and not unapplied():
            _is_migrated.set()
    except Error:
        return [*found, "database"]
    return found if _is_migrated.is_set() else [*found, "migrations"]


def unapplied() -> list[str]:
    """
    Names of the migrations, of every app, that the database has not seen.

    Raises:
        django.db.utils.Error: it cannot be asked.
    """
    executor = MigrationExecutor(connections[database.ours()])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _has_keys() -> bool:
    try:
        return bool(settings.SECRET_KEY and conf.token_keys())
    except ImproperlyConfigured:  # Django's word for an empty SECRET_KEY, which signs the sessions in any case
        return False


def _takes_writes(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute("SELECT 1")
            return True
        # A standby answers everything but what this server is for.
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() == ("off",))
