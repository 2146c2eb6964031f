"""System checks of the database that holds this app's tables."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connections
from django.utils import timezone

from . import database

Finding = tuple[str, str, str]  # id, sentence, hint


_DEFAULT_ISOLATION = re.compile(r"default_transaction_isolation=((?:[a-z]|\\ )+)")


def findings() -> Iterator[Finding]:
    """E030, E031, W030: related rows in one database, unambiguous moments, and the isolation level of transactions."""
    if spread := _fault_of_databases():
        yield (
            "E030",
            spread,
            "Let DATABASE_ROUTERS send them to one: the rows refer to each other and are read together.",
        )
    connection = connections[database.ours()]
    zone = connection.settings_dict["TIME_ZONE"]
    if zone and not connection.features.supports_timezones and _changes_its_clocks(zone):
        yield (
            "E031",
            f"The database stores times in {zone}, where one hour of each year repeats: such times are ambiguous.",
            "Remove TIME_ZONE from DATABASES: Django then stores UTC. Convert the existing rows.",
        )
    if (level := _isolation_of(connection)) not in ("", "READ_COMMITTED", "READ_UNCOMMITTED"):
        yield (
            "W030",
            f"The isolation level is {level}: deleting accounts, or rows in the admin, can fail if another transaction writes.",
            "Remove isolation_level from the OPTIONS of the database, or repeat such a deletion. Other writes are repeated.",
        )


def _changes_its_clocks(zone: str) -> bool:
    year, clock = timezone.now().year, ZoneInfo(zone)
    return len({datetime(year, month, 1, tzinfo=clock).utcoffset() for month in range(1, 13)}) > 1


def _isolation_of(connection: Any) -> str:
    options = connection.settings_dict["OPTIONS"]
    level = options.get("isolation_level")
    if connection.vendor != "postgresql":
        return ""
    if level is None:
        named = _DEFAULT_ISOLATION.search(options.get("options", ""))
        return named[1].replace("\\", "").replace(" ", "_").upper() if named else ""
    levels = getattr(connection.Database, "IsolationLevel", None)  # psycopg 3; psycopg2 has numbers instead
    names = {each.value: each.name for each in levels} if levels else {2: "REPEATABLE_READ", 3: "SERIALIZABLE"}
    return names.get(int(level), "") if isinstance(level, int) else ""


def _fault_of_databases() -> str:
    models = [*apps.get_app_config("oauth_service").get_models(), get_user_model()]
    found = {f"{model.__name__} to {database.primary(model)!r}": database.primary(model) for model in models}
    return "" if len(set(found.values())) == 1 else f"Rows go to several databases: {', '.join(found)}."
