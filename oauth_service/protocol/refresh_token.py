"""Refresh token rotation (RFC 6749 section 6, RFC 9700 section 4.14.2)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from . import clock

# Clients that lost an answer ask again after their time-out, which is seldom longer.
SHORTEST_WINDOW = timedelta(seconds=30)
# Before that many refreshes nobody knows how often a client comes: some begin with several at once.
GENERATIONS_OF_A_PACE = 10
# Of the latest generations that many asked for twice are no accident. Both are generations of one connection.
LATEST = 20
TOO_MANY_RETRIED = 5


class Generations(Protocol):
    """Where a grant's refresh tokens stand."""

    @property
    def generation(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def refreshed_at(self) -> datetime: ...


class Verdict(Enum):
    """What the presentation of a genuine refresh token means."""

    ROTATE = "the current one: its successor is issued"
    RETRY = "the one before, just replaced: its answer was lost, the same successor again"
    REPLAY = "an older one, or too late: somebody else has a copy"
    UNISSUED = "one that was never issued: the database was set back"
    AHEAD = (
        "the one before, replaced at a moment that has yet to come: the clocks of two servers differ too much to tell"
    )


def judge(grant: Generations, presented: int, *, retry_window: timedelta, now: datetime) -> Verdict:
    """
    Tell a retry from a theft.

    Args:
        grant: its generation is the one that may be used now, since refreshed_at.
        presented: generation of the refresh token in the request.
        retry_window: how long after a rotation the token before it still gets the same successor. That this
            successor is unused needs no check: using it would have made it the token before.
        now: not before the last octet of the request.
    """
    if presented == grant.generation:
        return Verdict.ROTATE
    if presented > grant.generation:
        return Verdict.UNISSUED
    if presented < grant.generation - 1:
        return Verdict.REPLAY
    if clock.is_ahead(grant.refreshed_at, now=now):
        return Verdict.AHEAD
    return Verdict.RETRY if clock.span(grant.refreshed_at, now) <= retry_window else Verdict.REPLAY


def retry_window(grant: Generations, *, longest: timedelta, access_token_lifetime: timedelta) -> timedelta:
    """
    How long after a rotation the token before it still gets the same successor.

    Half the time between two refreshes at most. Were it the whole of it, two holders of one stolen token could refresh by turns
    for ever, each within the other's window. Access tokens say how often a client has to refresh; one that comes more often is
    known by its pace, the time between its refreshes on average.

    Args:
        longest: never longer than this.
    """
    window = min(longest, access_token_lifetime / 2)
    if grant.generation >= GENERATIONS_OF_A_PACE:
        pace = (grant.refreshed_at - grant.created_at) / grant.generation
        window = min(window, max(pace / 2, SHORTEST_WINDOW))
    return window


def add_retried(retried: Sequence[int], generation: int) -> tuple[int, ...]:
    """The generations that were asked for twice, one more among them, and none that is older than the LATEST."""
    return tuple(sorted({each for each in retried if generation - LATEST < each} | {generation}))


def are_shared(retried: Sequence[int]) -> bool:
    """
    Tell whether so many generations were asked for twice that two seem to hold the refresh tokens.

    An honest client loses an answer now and then. A thief who refreshes beside the owner shows at every generation.
    """
    return len(retried) >= TOO_MANY_RETRIED
