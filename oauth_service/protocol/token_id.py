"""Identifiers of access tokens, which contain the time of issue (UUID version 7, RFC 9562 section 5.7)."""

import secrets
from datetime import datetime
from uuid import UUID

_RANDOM_BITS = 74
_LOW_BITS = 62


def new(*, now: datetime) -> UUID:
    """Return an identifier with the current time and 74 random bits."""
    random = secrets.randbits(_RANDOM_BITS)
    milliseconds = int(now.timestamp() * 1000)
    high, low = random >> _LOW_BITS, random & ((1 << _LOW_BITS) - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << _LOW_BITS | low)


def issued_at(token_id: UUID) -> int | None:
    """Return when a token was issued, in seconds since the epoch; None if its identifier is not of this kind."""
    return (token_id.int >> 80) // 1000 if token_id.version == 7 else None
