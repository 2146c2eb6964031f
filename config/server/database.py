"""DATABASE_URL as Django's DATABASES wants it; whatever libpq understands in a URL reaches libpq."""

import os
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

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
    if urlsplit(url).scheme in POSTGRES_SCHEMES:
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
    if pool_size := _number("DATABASE_POOL_SIZE"):
        return settings | {"OPTIONS": settings["OPTIONS"] | {"pool": {"min_size": 1, "max_size": pool_size}}}
    # What died while nobody used it costs nobody an error: Django asks before the ORM's first statement of a request. The
    # statements of token requests do not wait for that, and are asked again by themselves.
    return settings | {"CONN_MAX_AGE": CONNECTION_SECONDS, "CONN_HEALTH_CHECKS": True}


def _number(name: str) -> int:
    text = os.environ.get(name, "") or "0"
    if not text.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number.")
    return int(text)
