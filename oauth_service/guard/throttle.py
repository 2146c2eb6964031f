"""
A limit on failures: of a login for each account and address, of client authentication for each client and address.

Never for an address alone, as many honest people and clients share one; and never for an account or client alone, as anybody
could lock its owner out. What comes from many addresses at once is stopped by another bound: only so many slow password hashes
run at a time in a process, and once several were in vain nobody waits for a turn.
"""

import hashlib
import ipaddress
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.strategies import SlidingWindowCounterRateLimiter

from .. import conf, signals
from ..protocol.claimed_name import ClaimedName
from ..protocol.errors import TooManyFailures
from .failure_counts import CacheStorage

logger = logging.getLogger("oauth_service.throttle")

FLOOD = 3
FLOOD_SECONDS = 10
PATIENCE_SECONDS = 1
BUSY_SECONDS = 1
IPV6_NETWORK_BITS = 64


class Throttle:
    """
    The limit for one kind of name; one that nothing proves is a ClaimedName, and told as its digest.

    Args:
        kind: sets its counts apart from those of the other kinds.
        at_once: how many slow checks may run at a time in this process.
        memory: keeps its counts apart in the memory of this process; its kind if not said.
    """

    def __init__(self, kind: str, *, at_once: int, memory: str = "") -> None:
        self._kind = kind
        self._limiter = SlidingWindowCounterRateLimiter(CacheStorage(memory or kind))
        self._slots = threading.BoundedSemaphore(at_once)
        self._in_vain_at: deque[float] = deque(maxlen=FLOOD)

    def count(self, name: str) -> None:
        """
        Count a failure of the request that is being answered.

        Raises:
            TooManyFailures: there was none left.
        """
        self._refuse_unless(self._limiter.hit, name)

    @contextmanager
    def slow_check(self, name: str) -> Iterator[None]:
        """
        A block that may cost a password hash, and counts what fails before it ends.

        Raises:
            TooManyFailures: from this address too many have failed for this name, or too many are being checked.
        """
        self._refuse_unless(self._limiter.test, name)
        self._take_slot(name)
        try:
            # The limit may have been met meanwhile. As failures are counted within the block, no more guesses can pass it
            # together than there are slots.
            self._refuse_unless(self._limiter.test, name)
            yield
        finally:
            self._slots.release()

    def was_in_vain(self) -> None:
        """Say of a slow check that what it looked at was wrong."""
        self._in_vain_at.append(time.monotonic())

    def calm_down(self) -> None:
        """Forget what was in vain."""
        self._in_vain_at.clear()

    def _refuse_unless(self, is_within: Callable[[RateLimitItem, str], bool], name: str) -> None:
        limit, key = _limit(), self._key(name)
        try:
            if is_within(limit, key):
                return
            free_at = self._limiter.get_window_stats(limit, key).reset_time
        except StorageError:
            # To refuse everybody would be an outage made of a cache's. The slots still bound what guessing costs us.
            logger.exception("failures are not counted: the cache does not answer")
            return
        raise TooManyFailures(
            "too many attempts failed: wait for the seconds in Retry-After",
            retry_after=max(0, int(free_at - time.time())) + 1,
            detail=f"{self._kind} {name!r}: too many failures from one address",
        )

    def _take_slot(self, name: str) -> None:
        if self._slots.acquire(blocking=False):
            return
        # Honest ones that come together, such as all of a client's right after a start, take turns. Once several were in vain
        # the others may be a flood: it must not find the workers waiting for it.
        if self._is_calm() and self._slots.acquire(timeout=PATIENCE_SECONDS):
            if self._is_calm():
                return
            self._slots.release()
        raise TooManyFailures(
            "too many secrets are being checked: try again in a moment",
            retry_after=BUSY_SECONDS,
            detail=f"{self._kind} {name!r}: too many password hashes at once",
        )

    def _is_calm(self) -> bool:
        latest = tuple(self._in_vain_at)
        return len(latest) < FLOOD or time.monotonic() - latest[0] > FLOOD_SECONDS

    def _key(self, name: str) -> str:
        # A digest: the cache need not know who signs in from where, and some take neither spaces nor long keys.
        typed = name.reveal() if isinstance(name, ClaimedName) else name
        words = f"{self._kind}\0{_network(signals.current_request().address)}\0{typed}"
        return hashlib.sha256(words.encode(errors="replace")).hexdigest()


# Fewer together than a worker has threads (SERVE_THREADS), so that one is always left for what needs no hash.
LOGINS = Throttle("login", at_once=2)
CLIENTS = Throttle("client", at_once=1)
# Of clients that have no secret to guess, and of names that no client has: to fail costs nothing, so anybody can fail under
# any number of names. They are counted as the others are, but must not push those out of the memory.
UNGUESSABLE = Throttle("client", at_once=0, memory="unguessable")


def calm_down() -> None:
    """Forget what was in vain, for every kind of name."""
    for each in (LOGINS, CLIENTS, UNGUESSABLE):
        each.calm_down()


def _limit() -> RateLimitItem:
    return RateLimitItemPerSecond(
        conf.FAILURE_LIMIT(), int(conf.FAILURE_WINDOW().total_seconds()), namespace="oauth_service"
    )


def _network(address: str) -> str:
    """An IPv6 address stands for its network of 64 bits: that many each subscriber has to choose from."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address  # a socket's name, or none
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), IPV6_NETWORK_BITS), strict=False))
