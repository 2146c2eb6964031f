"""Value for Django's DATABASES from DATABASE_URL. All parameters of a PostgreSQL URL reach libpq."""

import os
from typing import TYPE_CHECKING, Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config.server.environment import number

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

# WAL and immediate transactions: writers wait for each other instead of failing with "database is locked".
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}

# Parameters are sent apart from the statement, and each connection parses and plans a statement once. If the primary
# vanishes without closing its connections, this shows within seconds; libpq alone would wait for minutes.
POSTGRES_OPTIONS: dict[str, Any] = {
    "server_side_binding": True,
    "prepare_threshold": 1,
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
POSTGRES_SCHEMES = ("postgres", "postgresql")
CONNECTION_SECONDS = 600

# A pool that cannot connect gives up at once and tries again for the next request. By default it would wait 1, 2, 4, 8 …
# seconds between attempts, and so stay away for as long again as the database did. The timeout (seconds) leaves time to
# skip one unreachable host (connect_timeout). Connections that were idle for a minute are closed one by one.
POOL_OPTIONS: dict[str, Any] = {"min_size": 1, "timeout": 4.0, "reconnect_timeout": 0.0, "max_idle": 60.0}


def database(url: str) -> dict[str, Any]:
    """
    An entry of DATABASES.

    Args:
        url: sqlite:///path, or a connection URI of libpq, with several hosts and any parameters
            (postgresql://user@a:5432,b:5432/name?target_session_attrs=read-write).

    Environment:
        DATABASE_POOL_SIZE: connections that the threads of a worker share; if unset, each thread keeps its own.
        DATABASE_PREPARE: 0 if a pooler gives every transaction another connection (PgBouncer).

    Raises:
        ImproperlyConfigured: the URL or the number is malformed.
    """
    # Only the scheme is parsed: libpq has its own syntax for several hosts, which Python's parser may refuse.
    if url.partition("://")[0].lower() in POSTGRES_SCHEMES:
        return _postgres(url)
    try:
        settings: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=CONNECTION_SECONDS))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        # Without the cause: it may quote the URL, which may hold a password.
        raise ImproperlyConfigured("DATABASE_URL is not the URL of a database.") from None
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        settings["OPTIONS"] = SQLITE_OPTIONS
    return settings


def _postgres(url: str) -> dict[str, Any]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ImproperlyConfigured("DATABASE_URL is not a connection URI of PostgreSQL.") from None
    settings: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname", None) or parameters.get("user") or "",
        "USER": parameters.pop("user", None) or "",
        "PASSWORD": parameters.pop("password", None) or "",
        "HOST": parameters.pop("host", None) or "",
        "PORT": parameters.pop("port", None) or "",
        "OPTIONS": POSTGRES_OPTIONS | parameters,
    }
    if os.environ.get("DATABASE_PREPARE", "1") == "0":
        settings["OPTIONS"]["prepare_threshold"] = None
    # Connections that died while idle must not fail a request. A pool tests each connection before handing it out; without a
    # pool, Django does so before the ORM's first statement of a request. The prepared statements of token requests skip this
    # test and are repeated if they fail.
    settings["CONN_HEALTH_CHECKS"] = True
    if pool_size := number("DATABASE_POOL_SIZE", 0):
        settings["OPTIONS"]["pool"] = POOL_OPTIONS | {"max_size": pool_size, "reconnect_failed": _turn_away}
    else:
        settings["CONN_MAX_AGE"] = CONNECTION_SECONDS
    return settings


def _turn_away(pool: "ConnectionPool[Any]") -> None:
    """
    Called when the pool could not connect: if no connection is left, fail all waiting threads now and not at the
    timeout.

    The pool has no public method for this. Without it every request during an outage would hold a thread for seconds,
    until none is left to answer.
    """
    from psycopg import OperationalError

    if pool.get_stats()["pool_size"]:
        return
    with pool._lock:
        waiting = list(pool._waiting)
        pool._waiting.clear()
    for each in waiting:
        each.fail(OperationalError("no connection can be made"))
