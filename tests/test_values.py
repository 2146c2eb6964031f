"""Values that each request makes are like frozen dataclasses, except that Python makes them faster."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from oauth_service.values import value_class


@value_class(kw_only=True)
class Allowed:
    scope: str
    until: datetime


@value_class(repr=False)
class Sealed:
    secret: str


ALLOWED = Allowed(scope="user", until=datetime(2026, 1, 2, tzinfo=UTC))


def test_values_of_equal_fields_are_equal_and_hash_alike() -> None:
    """Sets and dicts of values work as with frozen dataclasses."""
    other = Allowed(scope="user", until=datetime(2026, 1, 2, tzinfo=UTC))
    assert (other, hash(other)) == (ALLOWED, hash(ALLOWED))


def test_another_value_is_made_by_replace() -> None:
    """Code that needs a change makes a new value; mypy refuses an assignment to a field."""
    assert dataclasses.replace(ALLOWED, scope="profile").scope == "profile"
    assert ALLOWED.scope == "user"


def test_a_value_has_no_other_attributes() -> None:
    """A misspelt name must not be stored silently."""
    value: Any = ALLOWED
    with pytest.raises(AttributeError):
        value.scopes = "profile"


def test_fields_are_named_if_the_class_says_so() -> None:
    """Positional arguments of equal type could be swapped unnoticed."""
    make: Any = Allowed
    with pytest.raises(TypeError):
        make("user", datetime(2026, 1, 2, tzinfo=UTC))


def test_a_value_can_hide_its_fields() -> None:
    """The repr of a value may end up in a log or an error report."""
    assert "swordfish" not in repr(Sealed("swordfish"))
