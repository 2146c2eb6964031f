"""Refresh token rotation (RFC 6749 section 6, RFC 9700 section 4.14.2)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from . import clock

# A client that lost a response asks again after its time-out, which is seldom longer.
SHORTEST_WINDOW = timedelta(seconds=30)
# Before that many refreshes the pace of a client is unknown: some begin with several at once.
GENERATIONS_OF_A_PACE = 10
# So many repeated refreshes within the latest generations are no accident. Generations are counted within one connection.
LATEST = 20
TOO_MANY_RETRIED = 5


class Generations(Protocol):
    """The refresh token generation of a grant."""

    @property
    def generation(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def refreshed_at(self) -> datetime: ...


class Verdict(Enum):
    """The meaning of a genuine refresh token that is presented."""

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
        retry_window: time after a rotation during which the previous token still gets the same successor. It is
            not necessary to check that this successor is unused: using it would have changed the previous token.
        now: not before the last octet of the request arrived.
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
    Return the time after a rotation during which the previous token still gets the same successor.

    It is at most half the time between two refreshes. If it were all of it, two holders of one stolen token could refresh in
    turns for ever, each within the other's window. The access token lifetime says how often a client has to refresh; the pace
    of a client that refreshes more often is the average time between its refreshes.

    Args:
        longest: upper limit.
    """
    window = min(longest, access_token_lifetime / 2)
    if grant.generation >= GENERATIONS_OF_A_PACE:
        pace = (grant.refreshed_at - grant.created_at) / grant.generation
        window = min(window, max(pace / 2, SHORTEST_WINDOW))
    return window


def add_retried(retried: Sequence[int], generation: int) -> tuple[int, ...]:
    """Add a generation to those that were retried, and drop all that are older than the LATEST."""
    return tuple(sorted({each for each in retried if generation - LATEST < each} | {generation}))


def are_shared(retried: Sequence[int]) -> bool:
    """
    Tell whether so many generations were retried that two parties seem to hold the refresh tokens.

    An honest client loses a response now and then. A thief who refreshes beside the owner causes a retry in each generation.
    """
    return len(retried) >= TOO_MANY_RETRIED
