"""Turns are shared fairly among callers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from oauth_service.guard.turns import Turns
from tests.concurrency.threads import PATIENCE_SECONDS, started


@contextmanager
def taken(turns: Turns, who: str) -> Iterator[None]:
    """Hold a turn while the block runs."""
    assert turns.take(who, patience=0)
    try:
        yield
    finally:
        turns.give_back(who)


def test_there_are_only_so_many() -> None:
    """A turn that was returned can be taken again."""
    turns = Turns(2)
    with taken(turns, "a"), taken(turns, "a"):
        assert not turns.take("b", patience=0.01)
    with taken(turns, "b"):
        pass


def test_the_caller_with_the_fewest_turns_is_served_first() -> None:
    """Order of arrival would favour a caller that sends many requests at once."""
    turns, order = Turns(2), list[str]()

    def wait(who: str) -> None:
        assert turns.take(who, patience=PATIENCE_SECONDS)
        order.append(who)
        turns.give_back(who)

    with taken(turns, "a"):
        with ExitStack() as second:
            second.enter_context(taken(turns, "c"))
            waiting = [started(partial(wait, who)) for who in ("a", "a", "b")]
        for each in waiting:
            each.result(PATIENCE_SECONDS)
    assert order == ["b", "a", "a"]


def test_a_preferred_caller_is_served_before_all_others() -> None:
    """The number of turns that a caller holds does not matter then."""
    turns, order = Turns(2), list[str]()

    def wait(who: str, is_first: bool) -> None:
        assert turns.take(who, patience=PATIENCE_SECONDS, is_first=is_first)
        order.append(who)
        turns.give_back(who)

    with taken(turns, "b"):
        with taken(turns, "b"):
            waiting = [started(partial(wait, who, is_first)) for who, is_first in (("a", False), ("b", True))]
        for each in waiting:
            each.result(PATIENCE_SECONDS)
    assert order == ["b", "a"]


def test_equal_callers_are_served_in_order() -> None:
    """Equal callers form a queue."""
    turns, order = Turns(1), list[str]()

    def wait(who: str) -> None:
        assert turns.take(who, patience=PATIENCE_SECONDS)
        order.append(who)
        turns.give_back(who)

    with taken(turns, "x"):
        waiting = [started(partial(wait, who)) for who in "abc"]
    for each in waiting:
        each.result(PATIENCE_SECONDS)
    assert order == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("at_once", "held", "may"), [(2, 0, True), (2, 1, False), (1, 0, True), (1, 1, False), (3, 1, True)]
)
def test_the_last_leaves_one_for_others(at_once: int, held: int, may: bool) -> None:
    """If there is only one turn, a caller may take it."""
    turns = Turns(at_once)
    with ExitStack() as stack:
        for number in range(held):
            stack.enter_context(taken(turns, f"other {number}"))
        assert turns.take_last("a") is may


def test_the_last_does_not_come_between() -> None:
    """The waiting caller is next, even if its thread has not woken yet."""
    turns = Turns(2)
    turns._waiting[object()] = (True, "b")
    assert not turns.take_last("a")


def test_a_caller_that_gave_up_is_forgotten() -> None:
    """The next caller does not wait for one that gave up."""
    turns = Turns(1)
    with taken(turns, "x"):
        assert not turns.take("a", patience=0.01)
    with taken(turns, "b"):
        pass
