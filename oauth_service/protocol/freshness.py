"""Freshness of fetched documents (RFC 9111 sections 4.2 and 5.2.2)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=1)
DEFAULT = timedelta(hours=1)
STALE = timedelta(days=7)
"""Time after its freshness during which a copy is served if the origin is down."""
RETRY = timedelta(minutes=1)

_DIRECTIVE = re.compile(r'([a-z-]+)(?:="?([^",]*)"?)?', re.ASCII)


def lifetime(headers: Mapping[str, str], *, now: datetime) -> timedelta:
    """
    Return how long a response may be used before asking again, between SHORTEST and LONGEST.

    Even if the origin forbids storing, a copy is used for SHORTEST: otherwise a slow origin could block this server.

    Args:
        headers: of the response, by lower-case name.
    """
    directives = dict(_DIRECTIVE.findall(headers.get("cache-control", "").lower()))
    if directives.keys() & {"no-store", "no-cache"}:
        return SHORTEST
    said = _seconds(directives.get("max-age", ""))
    if said is None:
        said = _until_expiry(headers, now=now)
    if said is None:
        return DEFAULT
    return min(max(timedelta(seconds=said - (_seconds(headers.get("age", "")) or 0)), SHORTEST), LONGEST)


def _seconds(text: str) -> int | None:
    # Nine digits are more than thirty years: longer values are not plausible.
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _until_expiry(headers: Mapping[str, str], *, now: datetime) -> int | None:
    if "expires" not in headers:
        return None
    try:
        expires = parsedate_to_datetime(headers["expires"])
    except (ValueError, OverflowError):  # OverflowError: a year or an offset of twenty digits
        return 0  # section 5.3: an invalid date, in particular "0", is in the past
    expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return max(0, min(int((expires - now).total_seconds()), int(LONGEST.total_seconds())))
