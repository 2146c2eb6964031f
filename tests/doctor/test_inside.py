"""Findings about a deployment from the inside."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oauth_service.watch.doctor.finding import Level
from oauth_service.watch.doctor.inside import LARGEST_BACKLOG, Inside, findings

GOOD = Inside(
    has_own_token_key=True,
    keys=2,
    sealed_since=None,
    session_cookie_is_http_only=True,
    session_cookie_same_site="Lax",
    database_skew=timedelta(seconds=-1),
    backlog=LARGEST_BACKLOG,
    unapplied=(),
    proxies_let_in=(),
    one_address="",
    guesses_are_counted_apart=False,
    registrations_are_counted_apart=False,
    unknown_resource="",
)


def found(**changes: Any) -> list[tuple[str, Level]]:
    """Findings about a deployment that differs from the good one."""
    return [(finding.id, finding.level) for finding in findings(replace(GOOD, **changes))]


def test_nothing_is_found_in_a_good_one() -> None:
    """Values at their limits are good, too. Operators ignore a report that always finds something."""
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "id_", "level"),
    [
        ({"has_own_token_key": False}, "no-token-key", Level.NOTE),
        ({"sealed_since": datetime(2026, 1, 1, tzinfo=UTC)}, "earlier-keys", Level.NOTE),
        ({"keys": 5}, "many-keys", Level.WARNING),
        ({"session_cookie_is_http_only": False}, "session-cookie-readable", Level.WARNING),
        ({"session_cookie_same_site": "None"}, "session-cookie-everywhere", Level.WARNING),
        ({"session_cookie_same_site": ""}, "session-cookie-everywhere", Level.WARNING),
        ({"session_cookie_same_site": "Strict"}, "session-cookie-nowhere", Level.WARNING),
        ({"database_skew": timedelta(seconds=6)}, "database-clock", Level.WARNING),
        ({"database_skew": timedelta(seconds=-61)}, "database-clock", Level.ERROR),
        ({"backlog": LARGEST_BACKLOG + 1}, "backlog", Level.WARNING),
        ({"unapplied": ("oauth_service.0002",)}, "migrations-unapplied", Level.ERROR),
        ({"one_address": "10.0.0.5"}, "one-address", Level.WARNING),
        ({"guesses_are_counted_apart": True}, "device-codes-counted-apart", Level.WARNING),
        ({"registrations_are_counted_apart": True}, "registrations-counted-apart", Level.WARNING),
        ({"unknown_resource": "https://api.example"}, "own-resource-unknown", Level.WARNING),
        ({"proxies_let_in": ("127.0.0.1",)}, "metrics-for-proxies", Level.NOTE),
    ],
)
def test_each_fault_has_a_finding(changes: dict[str, Any], id_: str, level: Level) -> None:
    """Each fault has exactly one finding, of the right level; a second one would hide the cause."""
    assert found(**changes) == [(id_, level)]
