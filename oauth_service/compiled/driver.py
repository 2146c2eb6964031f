"""
The path of a compiled statement to the database: through Django's cursor if something observes it, else directly.

All statements use Django's own connection. They go through Django's cursor inside a transaction, under instrumentation, and in
tests that count statements. Otherwise prepared.py sends them to PostgreSQL.
"""

from collections.abc import Callable
from functools import cache
from threading import local
from typing import Any, TypeVar, cast

from django.db import InterfaceError, NotSupportedError, OperationalError

from .. import database

T = TypeVar("T")

_RESULT_TYPE_CHANGED = "0A000"  # PostgreSQL's feature_not_supported, as "cached plan must not change result type"
_MAKING_A_CURSOR = ("cursor", "_cursor", "create_cursor")


class _Kept(local):
    """The driver's connection of this thread, and its statements; None if each has to go through Django's cursor."""

    driver: Any = None
    statements: Any = None


_kept = _Kept()


def run(connection: Any, text: str, parameters: list[Any], take: Callable[[Any], T], *, binary: bool = False) -> T:
    if (
        connection.vendor != "postgresql"
        or not hasattr(connection.Database, "Cursor")  # only psycopg 3 has it
        or connection.in_atomic_block
        or connection.execute_wrappers
        or connection.queries_logged
    ):
        return _run_through_django(connection, text, parameters, take)
    if connection.connection is None:
        connection.ensure_connection()
    driver, kept = connection.connection, _kept
    if kept.driver is not driver:
        kept.driver, kept.statements = driver, _statements_of(connection)
    if kept.statements is not None and connection.autocommit:
        with connection.wrap_database_errors:
            if (found := kept.statements.run(driver, text, parameters, binary=binary)) is not None:
                return take(found)
    return _run_through_django(connection, text, parameters, take)


def _statements_of(connection: Any) -> Any:
    if _is_instrumented(connection):
        return None
    from . import prepared  # psycopg 3 is installed, as the connection is one of its own

    return prepared.statements_of(connection.connection)


def _run_through_django(connection: Any, text: str, parameters: list[Any], take: Callable[[Any], T]) -> T:
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        return take(cursor)


def _is_instrumented(connection: Any) -> bool:
    # A backend or cursor class that is not Django's acts on each statement, such as counting it or choosing a tenant's schema.
    return _makes_cursors_of_its_own(connection.__class__) or not _is_djangos(connection.connection.cursor_factory)


@cache
def _makes_cursors_of_its_own(backend: type) -> bool:
    return any(name in vars(kind) and not _is_djangos(kind) for kind in backend.__mro__ for name in _MAKING_A_CURSOR)


def _is_djangos(kind: Any) -> bool:
    return bool(kind.__module__.startswith("django."))


def run_again(connection: Any, text: str, parameters: list[Any], take: Callable[[Any], T], *, binary: bool) -> T:
    """
    Run a statement that only reads. Run it again on a new connection if this one turns out to be dead, or if it holds a prepared
    statement from before a migration.
    """
    try:
        return run(connection, text, parameters, take, binary=binary)
    except (InterfaceError, OperationalError) as failure:
        if connection.in_atomic_block or connection.connection is None:
            raise
        if database.sqlstate_of(failure) not in database.CONFLICTS:
            if connection.is_usable():
                raise
            connection.close()
    except NotSupportedError as failure:
        if connection.in_atomic_block or getattr(failure.__cause__, "sqlstate", "") != _RESULT_TYPE_CHANGED:
            raise
        connection.connection.close()  # otherwise a pool would give it to the next request
        connection.close()
    return database.run_again(lambda: run(connection, text, parameters, take, binary=binary), using=connection.alias)


def write(connection: Any, text: str, parameters: list[Any]) -> int:
    """Run a statement that writes and return its row count. Run it again after a conflict with another transaction."""
    return database.run_again(lambda: run(connection, text, parameters, count), using=connection.alias)


def first(cursor: Any) -> tuple[Any, ...] | None:
    return cast("tuple[Any, ...] | None", cursor.fetchone())


def count(cursor: Any) -> int:
    return int(cursor.rowcount)
