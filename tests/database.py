"""
The database that the tests use: Django's default one, or with TEST_ROUTERS=1 another one, which a router of the project
selects.

With routers there is no default database. Reads of this app's models are routed to a replica that must not be queried,
so that a statement or transaction that does not name the database for writes fails.
"""

import os
from typing import Any

from django.db import connections
from django.utils.connection import ConnectionProxy

from config.server.database import POSTGRES_OPTIONS

HAS_ROUTERS = os.environ.get("TEST_ROUTERS") == "1"
ALIAS = "oauth" if HAS_ROUTERS else "default"

connection: Any = ConnectionProxy(connections, ALIAS)


class Router:
    """A router of a project's own."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica" if model._meta.app_label == "oauth_service" else "oauth"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "oauth"

    def allow_relation(self, one: object, other: object, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "oauth"


def isolated(level: str) -> dict[str, Any]:
    """OPTIONS of PostgreSQL with an isolation level, for transactions and for single statements."""
    import psycopg

    words = level.replace("_", "\\ ").lower()
    options = f"-c default_transaction_isolation={words}"
    return {**POSTGRES_OPTIONS, "isolation_level": psycopg.IsolationLevel[level], "options": options}


def spread(settings: dict[str, Any]) -> dict[str, Any]:
    """DATABASES for a project with these settings: a single database, or with routers several."""
    if not HAS_ROUTERS:
        return {"default": settings}
    oauth = settings | {"TEST": {**settings.get("TEST", {}), "DEPENDENCIES": []}}
    return {"default": {}, "oauth": oauth, "replica": settings | {"TEST": {"MIRROR": "oauth"}}}
