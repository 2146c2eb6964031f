"""
Time spans between the clocks of several servers, with leeway for clock skew (RFC 7519 section 4.1.4).

Servers share rows, but not clocks: a server whose clock is slow reads moments that are still in its future.
"""

from datetime import datetime, timedelta

MOST_SKEW = timedelta(minutes=1)
"""Largest accepted difference between the clocks of two servers."""


def span(since: datetime, now: datetime) -> timedelta:
    """Return the time since a moment, never less than zero: requests of the same moment can overtake each other."""
    return max(now - since, timedelta(0))


def is_ahead(moment: datetime, *, now: datetime) -> bool:
    """Tell whether a moment that should be in the past is more than MOST_SKEW in the future."""
    return moment - now > MOST_SKEW
