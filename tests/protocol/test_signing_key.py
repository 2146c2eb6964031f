"""The life of a signing key: which one signs, which are published, and when the next is made."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from oauth_service.protocol import signing_key
from oauth_service.protocol.signing_key import State
from tests.clauses import clause

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(days=90)


@dataclass(frozen=True)
class Key:
    """A key; its moments are given in days from now."""

    name: str
    signs_from: datetime
    signs_until: datetime | None
    purge_at: datetime | None
    can_sign: bool


def key(
    name: str, begins: float, ends: float | None = None, goes: float | None = None, *, can_sign: bool = True
) -> Key:
    """Return a key that signs from `begins` days from now until `ends`, and is published until `goes`."""
    until, purge_at = (None if days is None else NOW + timedelta(days=days) for days in (ends, goes))
    return Key(name, NOW + timedelta(days=begins), until, purge_at, can_sign)


NEVER_USED: list[Key] = []
ONE = [key("one", -10)]
DUE = [key("one", -89)]
LATE = [key("one", -200)]
PREPARED = [key("one", -89, 1, 20), key("two", 1)]
TAKEN_OVER = [key("one", -91, -1, 20), key("two", -1)]
LONG_GONE = [key("one", -191, -101, -80), key("two", -101, -11, -1), key("three", -11)]
RETIRED_NEXT = [key("one", -89, 1, 20)]
RETIRED_CURRENT = [key("two", 0.5)]
UNREADABLE = [key("one", -10, can_sign=False)]
UNREADABLE_REPLACED = [key("one", -10, 1, 20, can_sign=False), key("two", 0)]
UNREADABLE_NEXT = [key("one", -89, 1, 20), key("two", 1, can_sign=False)]
UNREADABLE_SOON = [key("one", -89, 0.4, 20), key("two", 0.4, can_sign=False)]
BOTH_OPEN = [key("one", -10), key("two", -5)]
ALL_ENDED = [key("one", -30, -1, 20)]


@pytest.mark.parametrize(
    ("keys", "signs", "published"),
    [
        (NEVER_USED, None, []),
        (ONE, "one", ["one"]),
        (LATE, "one", ["one"]),
        (PREPARED, "one", ["one", "two"]),
        (TAKEN_OVER, "two", ["one", "two"]),
        (LONG_GONE, "three", ["three"]),
        (RETIRED_CURRENT, "two", ["two"]),
        (UNREADABLE, None, ["one"]),
        (UNREADABLE_REPLACED, "two", ["one", "two"]),
        (BOTH_OPEN, "two", ["one", "two"]),
        (ALL_ENDED, None, ["one"]),
    ],
)
@clause("OpenID Connect Core", "10.1.1")
def test_one_key_signs_and_every_other_is_published_as_long_as_needed(
    keys: list[Key], signs: str | None, published: list[str]
) -> None:
    """A client that cannot find the key of a valid token turns its user away."""
    chosen = signing_key.signing(keys, now=NOW)
    assert (chosen.name if chosen else None) == signs
    assert [each.name for each in signing_key.published(keys, now=NOW)] == published


@pytest.mark.parametrize(
    ("keys", "lifetime", "in_days"),
    [
        (NEVER_USED, LIFETIME, 0),
        (ONE, LIFETIME, None),
        (DUE, LIFETIME, 1),
        (DUE, timedelta(0), None),
        (LATE, LIFETIME, 1),
        (LATE, timedelta(0), None),
        (PREPARED, LIFETIME, None),
        (TAKEN_OVER, LIFETIME, None),
        (RETIRED_NEXT, LIFETIME, 1),
        (RETIRED_NEXT, timedelta(0), 1),
        (RETIRED_CURRENT, LIFETIME, None),
        (UNREADABLE, LIFETIME, 0),
        (UNREADABLE, timedelta(0), 0),
        (UNREADABLE_REPLACED, LIFETIME, None),
        (UNREADABLE_NEXT, LIFETIME, None),
        (UNREADABLE_SOON, LIFETIME, 0.4),
        (ALL_ENDED, LIFETIME, 0),
    ],
)
def test_the_next_key_is_made_when_it_has_to_be(keys: list[Key], lifetime: timedelta, in_days: float | None) -> None:
    """A key is made a day before it signs, so that clients have it by then; at once only if no other key can sign."""
    expected = None if in_days is None else NOW + timedelta(days=in_days)
    assert signing_key.next_signs_from(keys, lifetime=lifetime, now=NOW) == expected


def test_a_key_is_not_due_a_moment_too_early() -> None:
    """The limit is the lifetime minus the day of publishing."""
    start = NOW - LIFETIME + signing_key.PUBLISHED_BEFORE
    at_the_limit = Key("one", start, None, None, can_sign=True)
    a_second_later = Key("one", start + timedelta(seconds=1), None, None, can_sign=True)
    found = [signing_key.next_signs_from([each], lifetime=LIFETIME, now=NOW) for each in (at_the_limit, a_second_later)]
    assert found == [NOW + timedelta(days=1), None]


@pytest.mark.parametrize(("begins", "until"), [(0, 1), (1, 1), (3, 3)])
def test_a_server_that_cannot_read_the_next_key_signs_for_another_day(begins: float, until: float) -> None:
    """A server with an older token key cannot read the new signing key, and must not be left without one."""
    end = signing_key.end_of_predecessors(NOW + timedelta(days=begins), now=NOW)
    assert end == NOW + timedelta(days=until)


@pytest.mark.parametrize(
    ("keys", "states"),
    [
        (PREPARED, [State.SIGNS, State.NEXT]),
        (TAKEN_OVER, [State.SIGNED, State.SIGNS]),
        (LONG_GONE, [State.GONE, State.GONE, State.SIGNS]),
        (UNREADABLE_REPLACED, [State.UNREADABLE, State.SIGNS]),
        (UNREADABLE_NEXT, [State.SIGNS, State.UNREADABLE]),
        (RETIRED_CURRENT, [State.SIGNS]),
        (BOTH_OPEN, [State.SIGNED, State.SIGNS]),
    ],
)
def test_each_key_has_one_state(keys: list[Key], states: list[State]) -> None:
    """The operator reads the state in the list of keys."""
    assert [signing_key.state(each, keys, now=NOW) for each in keys] == states
