"""Readiness of this server: the missing parts, in words that tell a stranger nothing."""

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
    """Return which of `keys`, `database` and `migrations` are missing. An empty list means ready."""
    found = [] if _has_keys() else ["keys"]
    try:
        if not _takes_writes(connections[database.ours()]):
            return [*found, "database"]
        # Remember a success: reading every migration of the project takes milliseconds, and applied ones stay applied.
        if not _is_migrated.is_set() and not unapplied():
            _is_migrated.set()
    except Error:
        return [*found, "database"]
    return found if _is_migrated.is_set() else [*found, "migrations"]


def unapplied() -> list[str]:
    """
    Return the names of unapplied migrations, of every app.

    Raises:
        django.db.utils.Error: the database cannot be read.
    """
    executor = MigrationExecutor(connections[database.ours()])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _has_keys() -> bool:
    try:
        return bool(settings.SECRET_KEY and conf.token_keys())
    except ImproperlyConfigured:  # Django raises it for an empty SECRET_KEY, without which no session can be signed
        return False


def _takes_writes(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute("SELECT 1")
            return True
        # A standby answers queries, but refuses the writes that this server needs.
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() == ("off",))
