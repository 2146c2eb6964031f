"""OAuth 2.0 Device Authorization Grant (RFC 8628)."""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import ClassVar, Protocol
from uuid import UUID

from . import sealed

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
# No vowels, so that no code is a word; no Y, which some languages take for one (section 6.1).
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH = 8
LONGEST_TYPED = 64  # characters of what a person types
# "the interval MUST be increased by 5 seconds for this and all subsequent requests" (section 3.5).
SLOWER_BY = timedelta(seconds=5)
# Whoever asks too often for ever makes no more writes than it takes to get there.
LONGEST_INTERVAL = timedelta(seconds=60)
# Timers and networks are not exact: a poll that comes this much early is in time.
TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode(sealed.CodePayload):
    """A device code (section 3.2)."""

    prefix: ClassVar[str] = "DC_"


class State(Enum):
    """What a device hears that polls (section 3.5)."""

    PENDING = auto()
    DENIED = auto()
    EXPIRED = auto()
    APPROVED = auto()


class Waiting(Protocol):
    """A device code that is stored."""

    @property
    def expires_at(self) -> datetime: ...
    @property
    def denied_at(self) -> datetime | None: ...
    @property
    def consent_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a device may poll from now on, and whether it came too early."""

    interval: timedelta
    next_poll_at: datetime
    is_too_early: bool


def state_of(code: Waiting, *, now: datetime) -> State:
    """What has become of a device code. A person's no stays a no after its time."""
    if code.denied_at:
        return State.DENIED
    if code.expires_at <= now:
        return State.EXPIRED
    return State.APPROVED if code.consent_id else State.PENDING


def pace_of(*, interval: timedelta, next_poll_at: datetime, now: datetime) -> Pace | None:
    """
    Judge the pace of a poll that finds nobody has decided yet.

    Args:
        interval: between two polls, as it is in force.
        next_poll_at: the moment from which a poll is in time.

    Returns:
        what to store; None for a poll that is too early where the interval grows no more, which nothing is stored for.
    """
    is_too_early = now < next_poll_at
    if is_too_early and interval >= LONGEST_INTERVAL:
        return None
    if is_too_early:
        interval = min(interval + SLOWER_BY, LONGEST_INTERVAL)
    return Pace(interval=interval, next_poll_at=now + interval - TOLERANCE, is_too_early=is_too_early)


def new_user_code() -> str:
    """A user code, eight letters of ALPHABET: 34.5 random bits (section 6.1)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(USER_CODE_LENGTH))


def shown(user_code: str) -> str:
    """A user code as people see it: WDJB-MJHT."""
    return f"{user_code[: USER_CODE_LENGTH // 2]}-{user_code[USER_CODE_LENGTH // 2 :]}"


def read_user_code(typed: str) -> str:
    """
    The user code that a person means, whatever case, dashes and spaces they type (section 6.1).

    Returns:
        USER_CODE_LENGTH letters of ALPHABET; "" if it cannot be one.
    """
    if len(typed) > LONGEST_TYPED:
        return ""
    letters = [each for each in unicodedata.normalize("NFKC", typed).upper() if each.isalnum()]
    code = "".join(letters)
    return code if len(code) == USER_CODE_LENGTH and set(code) <= set(ALPHABET) else ""


def digest_of(user_code: str, key: bytes) -> str:
    """
    How a user code is kept: it is short enough to be found from a digest without a key.

    Args:
        key: the server's token key.
    """
    return hmac.digest(key, b"oauth_service.user_code " + user_code.encode(), hashlib.sha256).hex()
