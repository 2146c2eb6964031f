"""The life of a signing key (OpenID Connect Core section 10.1.1): made, published, signing, published still, gone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypeVar

PUBLISHED_BEFORE = timedelta(days=1)
"""How long a key is published before it signs: clients that keep the key set for a day have it by then."""


class Key(Protocol):
    """
    A key of one algorithm.

    signs_until is None until a successor is made, and purge_at with it. can_sign says whether its private part can be read.
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
    """What a key is for at a moment."""

    NEXT = "next"  # published; signs later
    SIGNS = "signs"
    SIGNED = "signed"  # published for what it has signed
    UNREADABLE = "unreadable"  # published for what it has signed, as its private part cannot be decrypted
    GONE = "gone"


def signing(keys: Iterable[K], *, now: datetime) -> K | None:
    """
    The key that signs now; None if none can.

    Args:
        keys: all of one algorithm.
    """
    usable = [key for key in keys if key.can_sign and not _has_ended(key, now)]
    begun = [key for key in usable if key.signs_from <= now]
    if begun:
        return max(begun, key=_start)
    # Its predecessor was retired or cannot be read. It is published already, so it serves better than a new one.
    return min(usable, key=_start, default=None)


def published(keys: Iterable[K], *, now: datetime) -> list[K]:
    """The keys that verifiers may believe: until the last thing that each has signed has expired."""
    return [key for key in keys if not is_gone(key, now=now)]


def next_signs_from(keys: Sequence[Key], *, lifetime: timedelta, now: datetime) -> datetime | None:
    """
    When a key that has to be made now starts to sign; None if none has to be made.

    Args:
        keys: all of one algorithm.
        lifetime: how long a key signs; zero for ever.
    """
    usable = [key for key in keys if key.can_sign and not _has_ended(key, now)]
    if not usable:
        return now
    newest = max(usable, key=_start)
    if newest.signs_from > now:
        return None
    if newest.signs_until is not None:
        # Its end is known, and what should follow it was retired or cannot be read. In the second case a token key is being
        # rolled out, most likely: servers that each replaced the other's key would never come to an end.
        is_followed = any(not key.can_sign and key.signs_from >= newest.signs_from for key in keys)
        can_wait = is_followed and newest.signs_until - now > PUBLISHED_BEFORE / 2
        return None if can_wait else newest.signs_until
    if not lifetime or now < newest.signs_from + lifetime - PUBLISHED_BEFORE:
        return None
    # Nobody may have asked for a long time: then the old key signs a day longer than it should.
    return max(newest.signs_from + lifetime, now + PUBLISHED_BEFORE)


def end_of_predecessors(successor_signs_from: datetime, *, now: datetime) -> datetime:
    """
    Until when the keys before a new one may still sign.

    A server that has not heard of the new key yet, or cannot read it, goes on with the old one that long.
    """
    return max(successor_signs_from, now + PUBLISHED_BEFORE)


def is_gone(key: Key, *, now: datetime) -> bool:
    """Whether nothing that a key has signed is good any more."""
    return key.purge_at is not None and key.purge_at <= now


def state(key: K, keys: Sequence[K], *, now: datetime) -> State:
    """
    What a key is for.

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
