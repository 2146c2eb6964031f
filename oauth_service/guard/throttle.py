"""
Limits on failures: of logins for each account and address, and of client authentication for each client and address.

There is no limit for an account or client alone, because anybody could lock its owner out. The limit for an address alone is ten
times as high, because many honest users and clients can share one. It does not apply to a name that was right from there before.

In each process only a few slow password hashes run at a time. An address with several recent failures gets a turn only if nobody
else wants it, which leaves turns to others. During a flood from many addresses, nobody waits for a turn.
"""

import hashlib
import ipaddress
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.strategies import SlidingWindowCounterRateLimiter

from .. import conf, signals
from ..protocol.claimed_name import ClaimedName
from ..protocol.errors import TooManyFailures
from .failure_counts import CacheStorage
from .turns import Turns

logger = logging.getLogger("oauth_service.throttle")

FLOOD = 3
FLOOD_SECONDS = 10
SUSPECT = 5  # failed checks from one address
SUSPECT_SECONDS = 60
PATIENCE_SECONDS = 5
BUSY_SECONDS = 1
NAMES_AN_ADDRESS = 10  # limit for an address, as a multiple of the limit for a name
GUESSES_OF_ALL = 100  # limit for everybody together, as a multiple of the limit for one person
INTRODUCTIONS_OF_ALL = 100  # limit for everybody together, as a multiple of the limit for one address
REGISTRATION_SECONDS = 3_600
KNOWN_SECONDS = 30 * 86_400  # a name that was right stays known at its address for this long
MOST_ADDRESSES = 1000  # addresses whose latest failures are remembered; the oldest are forgotten
IPV6_NETWORK_BITS = 64
ANY_NAME = "\0"  # not a possible name; counts the failures of an address for all names
T = TypeVar("T")


class Throttle:
    """
    The limit for one kind of name. An unproven name is a ClaimedName, which appears as its digest.

    Args:
        kind: separates its counts from those of other kinds.
        at_once: number of slow checks that may run at a time in this process.
        memory: name of its separate counts in the memory of this process; "" for its kind.
    """

    _reason = "too many failures from one address"

    def __init__(self, kind: str, *, at_once: int, memory: str = "") -> None:
        self._kind = kind
        self._storage = CacheStorage(memory or kind)
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._turns = Turns(at_once)
        self._failed_at: OrderedDict[str, deque[float]] = OrderedDict()
        self._noting = threading.Lock()

    def count_failure(self, name: str) -> None:
        """
        Count a failure of the current request.

        Raises:
            TooManyFailures: the limit was reached before.
        """
        self._refuse_unless(self._limiter.hit, _limit(), name)

    @contextmanager
    def slow_check(self, name: str) -> Iterator[None]:
        """
        Run a block that may compute a password hash, and that counts its failures before it ends.

        Raises:
            TooManyFailures: too many failures from this address for this name or in total, or too many checks are running.
        """
        self._refuse_unless(self._limiter.test, _limit(), name)
        is_known = self._ask(lambda: self._storage.get(self._known_key(name)) > 0, otherwise=False)
        if not is_known:
            self._refuse_unless(self._limiter.test, _limit(NAMES_AN_ADDRESS), ANY_NAME)
        self._take_turn(name, is_known=is_known)
        try:
            # The limit may have been reached while waiting. Since the block counts its failures before it gives the turn
            # back, at most as many guesses as there are turns can exceed the limit.
            self._refuse_unless(self._limiter.test, _limit(), name)
            yield
        finally:
            self._turns.give_back(network())

    def record_failed_check(self) -> None:
        """Record that a slow check failed, for the address of this request and any name."""
        self._ask(lambda: self._limiter.hit(_limit(NAMES_AN_ADDRESS), self._key(ANY_NAME)), otherwise=False)
        with self._noting:
            self._failed_at.setdefault(network(), deque(maxlen=SUSPECT)).append(time.monotonic())
            self._failed_at.move_to_end(network())
            if len(self._failed_at) > MOST_ADDRESSES:
                self._failed_at.popitem(last=False)

    def record_passed_check(self, name: str) -> None:
        """Record that a slow check succeeded: other failures from the address no longer block this name."""
        self._ask(lambda: self._storage.incr(self._known_key(name), KNOWN_SECONDS), otherwise=0)

    def forget_failed_checks(self) -> None:
        """Forget the recent failed checks."""
        with self._noting:
            self._failed_at.clear()

    def _refuse_unless(self, is_within: Callable[[RateLimitItem, str], bool], limit: RateLimitItem, name: str) -> None:
        key = self._key(name)
        # If the cache is down, nobody is refused: that would turn its outage into ours. The turns still limit the cost.
        if self._ask(lambda: is_within(limit, key), otherwise=True):
            return
        free_at = self._ask(lambda: self._limiter.get_window_stats(limit, key).reset_time, otherwise=0.0)
        raise self._refusal(max(0, int(free_at - time.time())) + 1, f"{self._kind} {name!r}: {self._reason}")

    def _refusal(self, retry_after: int, detail: str) -> TooManyFailures:
        return TooManyFailures(
            "too many attempts failed: wait for the seconds in Retry-After", retry_after=retry_after, detail=detail
        )

    def _ask(self, question: Callable[[], T], *, otherwise: T) -> T:
        """Return the cache's answer, or another value if it does not answer."""
        try:
            return question()
        except StorageError:
            logger.exception("failures are not counted: the cache does not answer")
            return otherwise

    def _take_turn(self, name: str, *, is_known: bool) -> None:
        who = network()
        if self._is_suspect(is_known=is_known):
            if self._turns.take_last(who):
                return
        elif self._turns.take(who, patience=0, is_first=is_known):
            return
        # Honest requests that arrive together, such as all of a client's after a start, take turns. After several failures
        # from different addresses the others may be a flood, and must not keep workers waiting.
        elif self._is_calm() and self._turns.take(who, patience=PATIENCE_SECONDS, is_first=is_known):
            if self._is_calm() and not self._is_suspect(is_known=is_known):
                return
            self._turns.give_back(who)
        raise TooManyFailures(
            "too many secrets are being checked: try again in a moment",
            retry_after=BUSY_SECONDS,
            detail=f"{self._kind} {name!r}: too many password hashes at once",
        )

    def _is_suspect(self, *, is_known: bool) -> bool:
        """Return whether several checks from the address of this request failed recently."""
        with self._noting:
            return not is_known and _is_suspect(self._failed_at.get(network(), ()))

    def _is_calm(self) -> bool:
        # A single address is not a flood: suspect addresses only get what is left, and each of the others counts at most
        # one time fewer than a flood needs.
        with self._noting:
            of_each = [list(at)[1 - FLOOD :] for at in self._failed_at.values() if not _is_suspect(at)]
        latest = sorted(at for each in of_each for at in each)[-FLOOD:]
        return len(latest) < FLOOD or time.monotonic() - latest[0] > FLOOD_SECONDS

    def _known_key(self, name: str) -> str:
        return f"oauth_service/{self._key(name)}/known"

    def _key(self, name: str) -> str:
        # A digest, so that the cache does not show who signs in from where; some caches refuse spaces and long keys.
        typed = name.reveal() if isinstance(name, ClaimedName) else name
        words = f"{self._kind}\0{self._place()}\0{typed}"
        return hashlib.sha256(words.encode(errors="replace")).hexdigest()

    def _place(self) -> str:
        """Return what separates the counts of a name, apart from its kind."""
        return network()


class Guesses(Throttle):
    """
    The limit for guesses at a short code that a person types: three limits at once.

    Each person has OAUTH_SERVICE_FAILURE_LIMIT, from any address; an address has ten times as many; and all people together
    have a hundred times as many, because a guess can hit any of the waiting codes.
    """

    _reason = "too many guesses"

    @contextmanager
    def guess(self, person: object) -> Iterator[Callable[[], None]]:
        """
        Run a block that checks one guess. It is counted before, so that concurrent guesses cannot exceed the limits.

        The block gets a function to report that the guess was wrong. If it is not called, the count is taken back at the end.

        Raises:
            TooManyFailures: too many guesses were wrong.
        """
        at, counted, wrong = time.time(), list[tuple[RateLimitItem, str]](), list[bool]()
        try:
            for times, name in self._limits(person):
                self._refuse_unless(self._limiter.hit, limit := _limit(times), name)
                counted.append((limit, limit.key_for(self._key(name))))
            yield lambda: wrong.append(True)
        finally:
            for limit, key in () if wrong else counted:
                self._ask(partial(self._storage.give_back, key, limit.get_expiry(), at), otherwise=None)

    def _limits(self, person: object) -> Iterator[tuple[int, str]]:
        yield 1, f"person {person}"
        yield NAMES_AN_ADDRESS, f"address {network()}"
        yield GUESSES_OF_ALL, "everybody"

    def _place(self) -> str:
        return ""


class DeviceRequests(Throttle):
    """The limit for requests that store a row and need only a public client's id."""

    _reason = "too many devices from one address"

    def count_request(self, name: str) -> None:
        """
        Count the current request.

        Raises:
            TooManyFailures: the limit was reached before.
        """
        self._refuse_unless(self._limiter.hit, _limit(NAMES_AN_ADDRESS), name)

    def _refusal(self, retry_after: int, detail: str) -> TooManyFailures:
        return TooManyFailures(
            "too many devices have asked: wait for the seconds in Retry-After", retry_after=retry_after, detail=detail
        )


class Registrations(Throttle):
    """The limit for clients that register themselves, per address and hour."""

    _reason = "too many registrations from one address"

    def count_request(self) -> None:
        """
        Count the current request.

        Raises:
            TooManyFailures: the limit was reached before.
        """
        limit = RateLimitItemPerSecond(conf.REGISTRATION_LIMIT(), REGISTRATION_SECONDS, namespace="oauth_service")
        self._refuse_unless(self._limiter.hit, limit, "client")

    def _refusal(self, retry_after: int, detail: str) -> TooManyFailures:
        return TooManyFailures(
            "too many clients were registered from this address: wait for the seconds in Retry-After",
            retry_after=retry_after,
            detail=detail,
        )


class Introductions(Registrations):
    """The limit for fetching documents of unknown clients, per hour: for each address, and for all together."""

    _reason = "too many unknown client_ids"

    def count_request(self) -> None:
        """
        Count the current request.

        Raises:
            TooManyFailures: the limit was reached before.
        """
        for times, name in ((1, f"address {network()}"), (INTRODUCTIONS_OF_ALL, "everybody")):
            most = conf.REGISTRATION_LIMIT() * times
            limit = RateLimitItemPerSecond(most, REGISTRATION_SECONDS, namespace="oauth_service")
            self._refuse_unless(self._limiter.hit, limit, name)

    def _place(self) -> str:
        return ""


# Together fewer than a worker's threads (SERVE_THREADS), so that one is always left for requests without a hash.
LOGINS = Throttle("login", at_once=2)
CLIENTS = Throttle("client", at_once=1)
# For clients without a secret, and for unknown names: a failure costs nothing, so anybody can fail under any number of names.
# They are counted like the others, but in a separate memory, so that they do not evict other counts.
UNGUESSABLE = Throttle("client", at_once=0, memory="unguessable")
USER_CODES = Guesses("user_code", at_once=0)
DEVICE_REQUESTS = DeviceRequests("device", at_once=0)
REGISTRATIONS = Registrations("registration", at_once=0)
INTRODUCTIONS = Introductions("introduction", at_once=0)


def forget_failed_checks() -> None:
    """Forget the recent failed checks of every kind."""
    for each in (LOGINS, CLIENTS, UNGUESSABLE):
        each.forget_failed_checks()


def _limit(times: int = 1) -> RateLimitItem:
    return RateLimitItemPerSecond(
        conf.FAILURE_LIMIT() * times, int(conf.FAILURE_WINDOW().total_seconds()), namespace="oauth_service"
    )


def _is_suspect(in_vain_at: Sequence[float]) -> bool:
    return len(in_vain_at) >= SUSPECT and time.monotonic() - in_vain_at[-SUSPECT] <= SUSPECT_SECONDS


def network() -> str:
    """Return the address of the current request; for IPv6 its network of 64 bits, because a subscriber has all of them."""
    address = signals.current_request().address
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address  # a socket's name, or none
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), IPV6_NETWORK_BITS), strict=False))
