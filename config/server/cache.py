"""Value for Django's CACHES from CACHE_URL. The cache counts failed sign-ins and client authentications."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.cache import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router, transaction

MOST_VALUES = 100_000
KEPT_SECONDS = 3600  # longer than two windows of OAUTH_SERVICE_FAILURE_WINDOW, the longest time that a count is needed
# An unreachable cache must not delay requests: nothing is counted then.
REDIS_OPTIONS: dict[str, Any] = {"socket_connect_timeout": 1, "socket_timeout": 1}
TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def cache(url: str) -> dict[str, Any]:
    """
    An entry of CACHES.

    Args:
        url: redis://host:6379/0 or rediss://…, database://table, or "" for the memory of each process.

    Raises:
        ImproperlyConfigured: url is none of these, or the package redis is not installed.
    """
    if not url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    try:
        found = urlsplit(url)
        host = found.hostname if found.port != 0 else None
    except ValueError:
        host = None
    if host and found.scheme in ("redis", "rediss"):
        return _redis(url)
    if host and found.scheme == "database" and TABLE.fullmatch(url.removeprefix("database://")):
        return {
            "BACKEND": "config.server.cache.TableCache",
            "LOCATION": host,
            "TIMEOUT": KEPT_SECONDS,
            "OPTIONS": {"MAX_ENTRIES": MOST_VALUES},
        }
    # The message does not quote the URL: it may hold a password.
    raise ImproperlyConfigured(
        "CACHE_URL is not the URL of a cache. Use redis://host:6379/0, rediss://… or database://table."
    )


def _redis(url: str) -> dict[str, Any]:
    try:
        import redis
    except ImportError:
        raise ImproperlyConfigured(
            "CACHE_URL is the URL of a Redis server, but the package redis is not installed."
        ) from None
    try:
        redis.ConnectionPool.from_url(url)
    except ValueError:
        raise ImproperlyConfigured(
            "CACHE_URL is not the URL of a Redis server, such as redis://:password@host:6379/0."
        ) from None
    backend = "django.core.cache.backends.redis.RedisCache"
    return {"BACKEND": backend, "LOCATION": url, "TIMEOUT": KEPT_SECONDS, "OPTIONS": REDIS_OPTIONS}


class TableCache(DatabaseCache):
    """
    Django's cache in a database table, with an incr() that is exact when processes count at the same moment.

    Django's own incr() reads, adds and writes, and so can lose a count.
    """

    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(table, params)
        self.table = table

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        database = router.db_for_write(self.cache_model_class)
        connection = connections[database]
        with transaction.atomic(using=database), connection.cursor() as cursor:
            if connection.features.has_select_for_update:  # otherwise writing transactions run one at a time
                table, column = map(connection.ops.quote_name, (self.table, "cache_key"))
                text = f"SELECT 1 FROM {table} WHERE {column} = %s FOR UPDATE"  # noqa: S608 - names, and those quoted
                cursor.execute(text, [self.make_and_validate_key(key, version=version)])
            return int(super().incr(key, delta, version))


def absent_table(chosen: BaseCache) -> str:
    """Name of the cache's database table if it does not exist yet; otherwise ""."""
    if not isinstance(chosen, TableCache):
        return ""
    connection = connections[router.db_for_write(chosen.cache_model_class)]
    return "" if chosen.table in connection.introspection.table_names() else chosen.table
