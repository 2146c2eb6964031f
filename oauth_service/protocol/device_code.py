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
# Without vowels no code is a word; Y is a vowel in some languages (section 6.1).
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH = 8
LONGEST_TYPED = 64  # characters of what a person types
# "the interval MUST be increased by 5 seconds for this and all subsequent requests" (section 3.5).
SLOWER_BY = timedelta(seconds=5)
# Limits the writes that a device can cause by always polling too early.
LONGEST_INTERVAL = timedelta(seconds=60)
# Timers and networks are inexact: a poll that is early by this much is in time.
TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode(sealed.CodePayload):
    """A device code (section 3.2)."""

    prefix: ClassVar[str] = "DC_"


class State(Enum):
    """State of a device code, which decides the answer to a poll (section 3.5)."""

    PENDING = auto()
    DENIED = auto()
    EXPIRED = auto()
    APPROVED = auto()


class Waiting(Protocol):
    """A stored device code."""

    @property
    def expires_at(self) -> datetime: ...
    @property
    def denied_at(self) -> datetime | None: ...
    @property
    def consent_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The interval between polls from now on, and whether the last poll came too early."""

    interval: timedelta
    next_poll_at: datetime
    is_too_early: bool


def state_of(code: Waiting, *, now: datetime) -> State:
    """Return the state of a device code. A denied code stays denied after it has expired."""
    if code.denied_at:
        return State.DENIED
    if code.expires_at <= now:
        return State.EXPIRED
    return State.APPROVED if code.consent_id else State.PENDING


def pace_of(*, interval: timedelta, next_poll_at: datetime, now: datetime) -> Pace | None:
    """
    Judge the pace of a poll before the user has decided.

    Args:
        interval: current time between two polls.
        next_poll_at: the moment from which a poll is in time.

    Returns:
        the pace to store; None if nothing has to be stored, as a poll is too early but the interval is at its maximum.
    """
    is_too_early = now < next_poll_at
    if is_too_early and interval >= LONGEST_INTERVAL:
        return None
    if is_too_early:
        interval = min(interval + SLOWER_BY, LONGEST_INTERVAL)
    return Pace(interval=interval, next_poll_at=now + interval - TOLERANCE, is_too_early=is_too_early)


def new_user_code() -> str:
    """Return a user code: eight letters of ALPHABET, 34.5 random bits (section 6.1)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(USER_CODE_LENGTH))


def format_user_code(user_code: str) -> str:
    """Format a user code for people: WDJB-MJHT."""
    return f"{user_code[: USER_CODE_LENGTH // 2]}-{user_code[USER_CODE_LENGTH // 2 :]}"


def read_user_code(typed: str) -> str:
    """
    Read a user code as typed, in any case, with any dashes and spaces (section 6.1).

    Returns:
        USER_CODE_LENGTH letters of ALPHABET; "" if it is not a user code.
    """
    if len(typed) > LONGEST_TYPED:
        return ""
    letters = [each for each in unicodedata.normalize("NFKC", typed).upper() if each.isalnum()]
    code = "".join(letters)
    return code if len(code) == USER_CODE_LENGTH and set(code) <= set(ALPHABET) else ""


def digest_of(user_code: str, key: bytes) -> str:
    """
    Return the stored form of a user code. A digest without a key would give the code away: there are too few codes.

    Args:
        key: the server's token key.
    """
    return hmac.digest(key, b"oauth_service.user_code " + user_code.encode(), hashlib.sha256).hex()
