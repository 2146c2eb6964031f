"""Databases that are unreachable or read-only."""

from django.db import InterfaceError, InternalError, OperationalError, connections

READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction: a standby, or a primary that was made read-only


def is_outage(failure: BaseException) -> bool:
    """Tell whether a failure comes from an unreachable or read-only database, which is temporary."""
    return _is_read_only(failure) or isinstance(failure, (OperationalError, InterfaceError))


def is_missing_table(failure: BaseException) -> bool:
    """Tell whether SQLite has no such table or column. PostgreSQL reports a ProgrammingError, which is no outage."""
    return isinstance(failure, OperationalError) and str(failure).startswith(("no such table", "no such column"))


def close_read_only_connections(failure: BaseException) -> None:
    """Close this thread's idle connections if a failure says that their server has become read-only."""
    if not _is_read_only(failure):
        return
    # These connections work, but their server is no longer the primary.
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block and connection.connection is not None:
            connection.connection.close()  # Django's own close() gives it back to a pool, for the next request
            connection.close()


def _is_read_only(failure: BaseException) -> bool:
    return isinstance(failure, InternalError) and getattr(failure.__cause__, "sqlstate", "") == READ_ONLY
