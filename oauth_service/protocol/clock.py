"""
Spans of time between moments of several servers, with leeway for clock skew (RFC 7519 section 4.1.4).

Servers beside each other share rows, not clocks. One that is behind finds moments that have yet to come.
"""

from datetime import datetime, timedelta

MOST_SKEW = timedelta(minutes=1)
"""The clocks of two servers differ by less, or what hangs on the difference is refused."""


def span(since: datetime, now: datetime) -> timedelta:
    """How much time has passed; none if it would be less than none, as requests of the same moment overtake each other."""
    return max(now - since, timedelta(0))


def is_ahead(moment: datetime, *, now: datetime) -> bool:
    """Tell whether a moment that must have passed is further ahead than MOST_SKEW."""
    return moment - now > MOST_SKEW
