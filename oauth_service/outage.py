"""A database that is away, or that takes no writes: how to tell, for a request and for what is written behind one."""

from django.db import InterfaceError, InternalError, OperationalError, connections

READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction: a standby, or a primary that was told to stop


def explains(failure: Exception) -> bool:
    """Tell whether a failure will pass by itself; connections to a server that takes no writes are closed."""
    if isinstance(failure, InternalError) and getattr(failure.__cause__, "sqlstate", "") == READ_ONLY:
        # The connection is as good as new, but leads to a server that is not the primary any more.
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block and connection.connection is not None:
                connection.connection.close()  # Django's own close() gives it back to a pool, for the next request
                connection.close()
        return True
    return isinstance(failure, (OperationalError, InterfaceError))
