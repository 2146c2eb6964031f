"""A value that shows itself to nobody but who asks for it."""

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
    """Neither a log line, nor a template, nor a reporter of errors that asks for the repr."""
    assert "hush" not in show(HUSH)
    assert "hush" not in show([HUSH])


def test_it_has_no_attributes_to_look_through() -> None:
    """Reporters that find no good repr look there."""
    assert not hasattr(HUSH, "__dict__")


@pytest.mark.parametrize("store", [pickle.dumps, copy.deepcopy])
def test_it_is_not_stored(store: Callable[[Any], object]) -> None:
    """A cache or a task queue would keep it in clear."""
    with pytest.raises(TypeError, match="not pickled"):
        store(HUSH)


def test_it_is_revealed_to_who_asks() -> None:
    """The one who checks or sends it."""
    assert (HUSH.reveal(), bool(HUSH), bool(Secret(""))) == ("hush-hush", True, False)


def test_two_are_compared_and_nothing_else_is() -> None:
    """A text is no secret, and a forgotten reveal() must not look like a wrong one."""
    other: object = "hush-hush"
    assert (Secret("hush-hush") == HUSH, Secret("other") == HUSH, other == HUSH) == (True, False, False)
