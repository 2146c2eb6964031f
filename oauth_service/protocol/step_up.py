"""Step-up: an API requires a stronger or more recent sign-in (RFC 9470)."""

from collections.abc import Collection
from datetime import datetime

from .clock import MOST_SKEW
from .errors import InsufficientUserAuthentication
from .openid import AuthenticationEvent


def check(
    event: AuthenticationEvent | None, *, acr: Collection[str], max_age: int | None, source: str, now: datetime
) -> None:
    """
    Check the sign-in behind an access token against the requirements of an API.

    Args:
        event: None if nothing is known about the sign-in, which then meets no requirement.
        acr: accepted values; empty for any.
        max_age: in seconds; None for any.
        source: of the token, for the log.

    Raises:
        InsufficientUserAuthentication: with all requirements, so that one more sign-in is enough (section 3).
    """
    if not acr and max_age is None:
        return
    if event is None:
        fault = "nothing is known of the sign-in"
    elif acr and event.acr not in acr:
        fault = f"the sign-in has acr {event.acr!r}"
    elif max_age is not None and not _is_recent(event.auth_time, max_age, now=int(now.timestamp())):
        fault = f"the sign-in was at {event.auth_time}"
    else:
        return
    raise InsufficientUserAuthentication(
        "the sign-in is not strong or recent enough for this",
        acr_values=" ".join(acr),
        max_age=max_age,
        detail=f"{source}: {fault}; wanted acr {' or '.join(acr) or 'of any kind'}, max_age {max_age}",
    )


def _is_recent(auth_time: int, max_age: int, *, now: int) -> bool:
    # A sign-in in the future happened on a server whose clock is ahead.
    return -MOST_SKEW.total_seconds() <= now - auth_time <= max_age
