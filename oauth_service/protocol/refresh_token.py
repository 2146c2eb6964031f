"""Refresh token rotation (RFC 6749 section 6, RFC 9700 section 4.14.2)."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol


class Generations(Protocol):
    """Where a grant's refresh tokens stand."""

    @property
    def generation(self) -> int: ...
    @property
    def refreshed_at(self) -> datetime: ...


class Verdict(Enum):
    """What the presentation of a genuine refresh token means."""

    ROTATE = "the current one: its successor is issued"
    RETRY = "the one before, just replaced: its answer was lost, the same successor again"
    REPLAY = "an older one, or too late: somebody else has a copy"
    UNISSUED = "one that was never issued: the database was set back"


def judge(grant: Generations, presented: int, *, retry_window: timedelta, now: datetime) -> Verdict:
    """
    Tell a retry from a theft.

    Args:
        grant: its generation is the one that may be used now, since refreshed_at.
        presented: generation of the refresh token in the request.
        retry_window: how long after a rotation the token before it still gets the same successor. That this
            successor is unused needs no check: using it would have made it the token before.
    """
    if presented == grant.generation:
        return Verdict.ROTATE
    if presented > grant.generation:
        return Verdict.UNISSUED
    if presented == grant.generation - 1 and now - grant.refreshed_at <= retry_window:
        return Verdict.RETRY
    return Verdict.REPLAY
