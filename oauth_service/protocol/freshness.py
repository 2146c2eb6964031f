"""How long a fetched document is fresh (RFC 9111 sections 4.2 and 5.2.2)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=1)
UNSAID = timedelta(hours=1)
STALE = timedelta(days=7)
"""How long after its freshness a copy is served while the origin is down."""
RETRY = timedelta(minutes=1)

_DIRECTIVE = re.compile(r'([a-z-]+)(?:="?([^",]*)"?)?', re.ASCII)


def lifetime(headers: Mapping[str, str], *, now: datetime) -> timedelta:
    """
    How long an answer may be used without asking again, within bounds of our own.

    An origin that forbids storing is asked again after SHORTEST: without a copy it could stop this server by being slow.

    Args:
        headers: of the answer, by lower-case name.
    """
    directives = dict(_DIRECTIVE.findall(headers.get("cache-control", "").lower()))
    if directives.keys() & {"no-store", "no-cache"}:
        return SHORTEST
    said = _seconds(directives.get("max-age", ""))
    if said is None:
        said = _until_expiry(headers, now=now)
    if said is None:
        return UNSAID
    return min(max(timedelta(seconds=said - (_seconds(headers.get("age", "")) or 0)), SHORTEST), LONGEST)


def _seconds(text: str) -> int | None:
    # Nine digits are thirty years: whatever is longer is no number of seconds.
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _until_expiry(headers: Mapping[str, str], *, now: datetime) -> int | None:
    if "expires" not in headers:
        return None
    try:
        expires = parsedate_to_datetime(headers["expires"])
    except ValueError:
        return 0  # section 5.3: an invalid date, "0" above all, is one in the past
    expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return max(0, min(int((expires - now).total_seconds()), int(LONGEST.total_seconds())))
