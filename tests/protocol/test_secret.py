"""Secret values that only show themselves on request."""

import copy
import pickle
from collections.abc import Callable
from pprint import pformat
from typing import Any

import pytest

from oauth_service.protocol.secret import Secret

HUSH = Secret("hush-hush")


@pytest.mark.parametrize("show", [repr, str, format, ascii, pformat, "{!r:>12}".format, "{!r}".format, "{}".format])
def test_nothing_shows_it(show: Callable[[Any], str]) -> None:
    """Log lines, templates and error reporters that ask for the repr show nothing."""
    assert "hush" not in show(HUSH)
    assert "hush" not in show([HUSH])


def test_it_has_no_attributes_to_look_through() -> None:
    """Reporters without a useful repr look at the attributes."""
    assert not hasattr(HUSH, "__dict__")


@pytest.mark.parametrize("store", [pickle.dumps, copy.deepcopy])
def test_it_is_not_stored(store: Callable[[Any], object]) -> None:
    """A cache or a task queue would keep the secret in clear text."""
    with pytest.raises(TypeError, match="not pickled"):
        store(HUSH)


def test_it_is_revealed_to_who_asks() -> None:
    """Only code that checks or sends it needs the value."""
    assert (HUSH.reveal(), bool(HUSH), bool(Secret(""))) == ("hush-hush", True, False)


def test_two_are_compared_and_nothing_else_is() -> None:
    """A string is never equal to a Secret: a forgotten reveal() must not look like a wrong secret."""
    other: object = "hush-hush"
    assert (Secret("hush-hush") == HUSH, Secret("other") == HUSH, other == HUSH) == (True, False, False)
