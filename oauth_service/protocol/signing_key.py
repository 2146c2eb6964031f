"""The life of a signing key (OpenID Connect Core section 10.1.1): made, published, signing, only published, gone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypeVar

PUBLISHED_BEFORE = timedelta(days=1)
"""Time that a key is published before it signs: clients that cache the key set for a day have it by then."""


class Key(Protocol):
    """
    A key of one algorithm.

    signs_until and purge_at are None until a successor is made. can_sign is True if the private part can be read.
    """

    @property
    def signs_from(self) -> datetime: ...
    @property
    def signs_until(self) -> datetime | None: ...
    @property
    def purge_at(self) -> datetime | None: ...
    @property
    def can_sign(self) -> bool: ...


K = TypeVar("K", bound=Key)


class State(Enum):
    """The purpose of a key at a moment."""

    NEXT = "next"  # published; signs later
    SIGNS = "signs"
    SIGNED = "signed"  # published to verify earlier signatures
    UNREADABLE = "unreadable"  # published to verify earlier signatures, but its private part cannot be decrypted
    GONE = "gone"


def signing(keys: Iterable[K], *, now: datetime) -> K | None:
    """
    Return the key that signs now; None if none can.

    Args:
        keys: all of one algorithm.
    """
    usable = [key for key in keys if key.can_sign and not _has_ended(key, now)]
    begun = [key for key in usable if key.signs_from <= now]
    if begun:
        return max(begun, key=_start)
    # The predecessor was retired or cannot be read. The next key is already published, so it is better than a new one.
    return min(usable, key=_start, default=None)


def published(keys: Iterable[K], *, now: datetime) -> list[K]:
    """Return the keys that verifiers may trust: each one until everything that it has signed has expired."""
    return [key for key in keys if not is_gone(key, now=now)]


def next_signs_from(keys: Sequence[Key], *, lifetime: timedelta, now: datetime) -> datetime | None:
    """
    Return when a key that has to be made now starts to sign; None if no key has to be made.

    Args:
        keys: all of one algorithm.
        lifetime: how long a key signs; zero means for ever.
    """
    usable = [key for key in keys if key.can_sign and not _has_ended(key, now)]
    if not usable:
        return now
    newest = max(usable, key=_start)
    if newest.signs_from > now:
        return None
    if newest.signs_until is not None:
        # Its end is known, but its successor was retired or cannot be read. If it cannot be read, a new token key is probably
        # being rolled out: two servers that replace each other's signing keys would never stop.
        is_followed = any(not key.can_sign and key.signs_from >= newest.signs_from for key in keys)
        can_wait = is_followed and newest.signs_until - now > PUBLISHED_BEFORE / 2
        return None if can_wait else newest.signs_until
    if not lifetime or now < newest.signs_from + lifetime - PUBLISHED_BEFORE:
        return None
    # If nobody asked for a long time, the old key signs up to a day longer than its lifetime.
    return max(newest.signs_from + lifetime, now + PUBLISHED_BEFORE)


def end_of_predecessors(successor_signs_from: datetime, *, now: datetime) -> datetime:
    """
    Return the moment until which older keys may still sign when a new one is made.

    A server that does not know or cannot read the new key yet signs with the old one until then.
    """
    return max(successor_signs_from, now + PUBLISHED_BEFORE)


def is_gone(key: Key, *, now: datetime) -> bool:
    """Return whether nothing that a key has signed is valid any more."""
    return key.purge_at is not None and key.purge_at <= now


def state(key: K, keys: Sequence[K], *, now: datetime) -> State:
    """
    Return the purpose of a key.

    Args:
        keys: all of its algorithm.
    """
    if is_gone(key, now=now):
        return State.GONE
    if key is signing(keys, now=now):
        return State.SIGNS
    if not key.can_sign:
        return State.UNREADABLE
    return State.NEXT if key.signs_from > now and not _has_ended(key, now) else State.SIGNED


def _has_ended(key: Key, now: datetime) -> bool:
    return key.signs_until is not None and key.signs_until <= now


def _start(key: Key) -> datetime:
    return key.signs_from
