"""DATABASE_URL as Django's DATABASES wants it; whatever libpq understands in a URL reaches libpq."""

import os
from typing import TYPE_CHECKING, Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config.server.environment import number

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

# One writer at a time, waiting its turn, instead of "database is locked": WAL and immediate transactions.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}

# Parameters travel apart from the statement, and a statement is parsed and planned once a connection, not once a request.
# A primary that vanishes without a word is noticed within seconds: libpq alone would wait for minutes.
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

# A pool that cannot connect forgets it at once and tries again for the next request: left to itself it would try after 1, 2, 4,
# 8 … seconds, and be away for as long again as the database was. The timeout leaves time to pass over one host that cannot
# be reached (connect_timeout). Connections that a minute had no use for are given back to PostgreSQL one by one.
POOL_OPTIONS: dict[str, Any] = {"min_size": 1, "timeout": 4.0, "reconnect_timeout": 0.0, "max_idle": 60.0}


def database(url: str) -> dict[str, Any]:
    """
    One entry of DATABASES.

    Args:
        url: sqlite:///path, or a connection URI of libpq: several hosts and every one of its parameters included
            (postgresql://user@a:5432,b:5432/name?target_session_attrs=read-write).

    DATABASE_POOL_SIZE: connections that the threads of a worker share; unset, each thread keeps one of its own.
    DATABASE_PREPARE: 0 behind a pooler that gives every transaction another connection (PgBouncer).

    Raises:
        ImproperlyConfigured: not such a URL, or not such a number.
    """
    # The scheme alone: what several hosts look like is libpq's, and Python's own reading of a URL may refuse it.
    if url.partition("://")[0].lower() in POSTGRES_SCHEMES:
        return _postgres(url)
    try:
        settings: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=CONNECTION_SECONDS))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        # Without the cause: it may quote the URL, and a URL may hold a password.
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
    # What died while nobody used it costs nobody an error: a pool asks each connection before it gives it away; without one,
    # Django asks before the ORM's first statement of a request. The statements of token requests do not wait for that, and are
    # asked again by themselves.
    settings["CONN_HEALTH_CHECKS"] = True
    if pool_size := number("DATABASE_POOL_SIZE", 0):
        settings["OPTIONS"]["pool"] = POOL_OPTIONS | {"max_size": pool_size, "reconnect_failed": _turn_away}
    else:
        settings["CONN_MAX_AGE"] = CONNECTION_SECONDS
    return settings


def _turn_away(pool: "ConnectionPool[Any]") -> None:
    """
    A connection could not be made: unless there are others, whoever waits for one is told so now, not when the timeout ends.

    The pool has no public word for it. Without one each request of an outage would occupy a thread for seconds, until none is
    left that could answer.
    """
    from psycopg import OperationalError

    if pool.get_stats()["pool_size"]:
        return
    with pool._lock:
        waiting = list(pool._waiting)
        pool._waiting.clear()
    for each in waiting:
        each.fail(OperationalError("no connection can be made"))
