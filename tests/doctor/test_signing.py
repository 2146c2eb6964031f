"""Findings about signing keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oauth_service.protocol.signing_key import State
from oauth_service.watch.doctor.finding import Level
from oauth_service.watch.doctor.signing import Key, Signing, findings

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def key(days: float, state: State = State.SIGNS, *, algorithm: str = "RS256", is_row: bool = True) -> Key:
    """A key that has signed for this many days."""
    return Key(
        kid=f"{algorithm}-{state.value}",
        algorithm=algorithm,
        state=state,
        is_row=is_row,
        signs_from=NOW - timedelta(days=days),
    )


GOOD = Signing(
    keys=(key(93), key(183, State.SIGNED), key(1, algorithm="ES256", is_row=False)),
    lifetime=timedelta(days=90),
    has_signer=False,
    fault="",
)


def found(**changes: Any) -> list[tuple[str, Level, str]]:
    """Findings about a server that differs from the good one."""
    return [(each.id, each.level, each.about) for each in findings(replace(GOOD, **changes), now=NOW)]


def test_nothing_is_found_in_a_good_one() -> None:
    """Values at their limits are good. A server that has had no request yet has no key."""
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fault": "no answer", "keys": ()}, ("keys-elsewhere", Level.ERROR, "")),
        ({"has_signer": True, "keys": (key(1, algorithm="ES256", is_row=False),)}, ("no-rs256", Level.ERROR, "")),
        ({"keys": (key(1), key(9, State.UNREADABLE))}, ("key-unreadable", Level.ERROR, "RS256-unreadable")),
        ({"keys": (key(89), key(-1, State.NEXT))}, ("key-takes-over", Level.NOTE, "RS256-next")),
        ({"keys": (key(1),), "lifetime": timedelta(0)}, ("key-for-ever", Level.WARNING, "RS256-signs")),
        ({"keys": (key(94),)}, ("key-overdue", Level.WARNING, "RS256-signs")),
    ],
)
def test_each_fault_has_a_finding(changes: dict[str, Any], expected: tuple[str, Level, str]) -> None:
    """Each fault has exactly one finding, of the right level, about the key concerned."""
    assert found(**changes) == [expected]


def test_keys_of_the_settings_are_the_operators_to_replace() -> None:
    """The server does not know the age of such keys."""
    assert found(keys=(key(4000, is_row=False),), lifetime=timedelta(0)) == []
