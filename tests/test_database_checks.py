"""The checks of the database that has our tables."""

from typing import Any

import psycopg
import pytest

from oauth_service.checks import check_surroundings
from tests.database import connection

READ_COMMITTED, REPEATABLE_READ = psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ


def ids() -> list[str]:
    """Return the ids of the findings about the database."""
    found = [str(message.id).removeprefix("oauth_service.") for message in check_surroundings(None)]
    return [each for each in found if each in ("E030", "E031", "W030")]


@pytest.mark.parametrize(
    ("zone", "supports_timezones", "expected"),
    [
        (None, False, []),
        ("UTC", False, []),
        ("Etc/GMT-1", False, []),
        ("Asia/Tokyo", False, []),
        ("Europe/Berlin", False, ["E031"]),
        ("America/Santiago", False, ["E031"]),
        ("Europe/Berlin", True, []),
    ],
)
def test_moments_that_cannot_be_told_apart(
    monkeypatch: pytest.MonkeyPatch, zone: str | None, supports_timezones: bool, expected: list[str]
) -> None:
    """SQLite stores a moment as local time, so a fresh code had already expired in the hour that comes twice."""
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", zone)
    monkeypatch.setattr(connection.features, "supports_timezones", supports_timezones)
    assert ids() == expected


@pytest.mark.parametrize(
    ("vendor", "level", "expected"),
    [
        ("postgresql", None, []),
        ("postgresql", READ_COMMITTED, []),
        ("postgresql", REPEATABLE_READ, ["W030"]),
        ("postgresql", REPEATABLE_READ.value, ["W030"]),
        ("postgresql", psycopg.IsolationLevel.SERIALIZABLE, ["W030"]),
        ("postgresql", r"-c default_transaction_isolation=repeatable\ read", ["W030"]),
        ("postgresql", r"-c default_transaction_isolation=read\ committed -c timezone=UTC", []),
        ("mysql", "repeatable read", []),
        ("sqlite", None, []),
    ],
)
def test_transactions_that_do_not_see_each_other(
    monkeypatch: pytest.MonkeyPatch, vendor: str, level: Any, expected: list[str]
) -> None:
    """The deletion of an account is the project's own transaction, and only the project can repeat it."""
    name = "options" if str(level).startswith("-c") else "isolation_level"
    monkeypatch.setattr(connection, "vendor", vendor)
    monkeypatch.setattr(connection.Database, "IsolationLevel", psycopg.IsolationLevel, raising=False)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {name: level} if level else {})
    assert ids() == expected
