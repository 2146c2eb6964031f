"""
A limit on failures: of a login for each account and address, of client authentication for each client and address.

Never for an account or client alone, as anybody could lock its owner out. For an address alone the limit is ten times as high, as
many honest people and clients share one; and who has proven themselves from there before is not stopped by it.

Only so many slow password hashes run at a time in a process. An address from which several were in vain gets a turn that nobody
else wants, so that others find one. When it is a flood from many addresses, nobody waits for a turn.
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
SUSPECT = 5  # checks in vain from one address
SUSPECT_SECONDS = 60
PATIENCE_SECONDS = 5
BUSY_SECONDS = 1
NAMES_AN_ADDRESS = 10  # so many times the limit for a name
GUESSES_OF_ALL = 100  # so many times the limit for one person
INTRODUCTIONS_OF_ALL = 100  # so many times the limit for one address
REGISTRATION_SECONDS = 3_600
KNOWN_SECONDS = 30 * 86_400  # for how long who was right stays known at an address
MOST_ADDRESSES = 1000  # whose latest failures are remembered; the oldest are forgotten
IPV6_NETWORK_BITS = 64
ANY_NAME = "\0"  # no name is that: counts the failures of an address for whatever name
T = TypeVar("T")


class Throttle:
    """
    The limit for one kind of name; one that nothing proves is a ClaimedName, and told as its digest.

    Args:
        kind: sets its counts apart from those of the other kinds.
        at_once: how many slow checks may run at a time in this process.
        memory: keeps its counts apart in the memory of this process; its kind if not said.
    """

    _reason = "too many failures from one address"

    def __init__(self, kind: str, *, at_once: int, memory: str = "") -> None:
        self._kind = kind
        self._storage = CacheStorage(memory or kind)
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._turns = Turns(at_once)
        self._in_vain_at: OrderedDict[str, deque[float]] = OrderedDict()
        self._noting = threading.Lock()

    def count(self, name: str) -> None:
        """
        Count a failure of the request that is being answered.

        Raises:
            TooManyFailures: there was none left.
        """
        self._refuse_unless(self._limiter.hit, _limit(), name)

    @contextmanager
    def slow_check(self, name: str) -> Iterator[None]:
        """
        A block that may cost a password hash, and counts what fails before it ends.

        Raises:
            TooManyFailures: from this address too many have failed, for this name or for any, or too many are being checked.
        """
        self._refuse_unless(self._limiter.test, _limit(), name)
        is_known = self._ask(lambda: self._storage.get(self._known_key(name)) > 0, otherwise=False)
        if not is_known:
            self._refuse_unless(self._limiter.test, _limit(NAMES_AN_ADDRESS), ANY_NAME)
        self._take_turn(name, is_known=is_known)
        try:
            # The limit may have been met meanwhile. As failures are counted within the block, no more guesses can pass it
            # together than there are turns.
            self._refuse_unless(self._limiter.test, _limit(), name)
            yield
        finally:
            self._turns.give_back(network())

    def was_in_vain(self) -> None:
        """Say of a slow check that what it looked at was wrong, whatever the name."""
        self._ask(lambda: self._limiter.hit(_limit(NAMES_AN_ADDRESS), self._key(ANY_NAME)), otherwise=False)
        with self._noting:
            self._in_vain_at.setdefault(network(), deque(maxlen=SUSPECT)).append(time.monotonic())
            self._in_vain_at.move_to_end(network())
            if len(self._in_vain_at) > MOST_ADDRESSES:
                self._in_vain_at.popitem(last=False)

    def was_right(self, name: str) -> None:
        """Say of a slow check that what it looked at was right: failures of others at the address do not stop this name."""
        self._ask(lambda: self._storage.incr(self._known_key(name), KNOWN_SECONDS), otherwise=0)

    def calm_down(self) -> None:
        """Forget what was in vain."""
        with self._noting:
            self._in_vain_at.clear()

    def _refuse_unless(self, is_within: Callable[[RateLimitItem, str], bool], limit: RateLimitItem, name: str) -> None:
        key = self._key(name)
        # To refuse everybody would be an outage made of a cache's. The turns still bound what guessing costs us.
        if self._ask(lambda: is_within(limit, key), otherwise=True):
            return
        free_at = self._ask(lambda: self._limiter.get_window_stats(limit, key).reset_time, otherwise=0.0)
        raise self._refusal(max(0, int(free_at - time.time())) + 1, f"{self._kind} {name!r}: {self._reason}")

    def _refusal(self, retry_after: int, detail: str) -> TooManyFailures:
        return TooManyFailures(
            "too many attempts failed: wait for the seconds in Retry-After", retry_after=retry_after, detail=detail
        )

    def _ask(self, question: Callable[[], T], *, otherwise: T) -> T:
        """What the cache says; if it does not answer, something else."""
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
        # Honest ones that come together, such as all of a client's right after a start, take turns. Once several were in vain,
        # from here and there, the others may be a flood: it must not find the workers waiting for it.
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
        """Whether several checks were in vain lately from the address of this request."""
        with self._noting:
            return not is_known and _is_suspect(self._in_vain_at.get(network(), ()))

    def _is_calm(self) -> bool:
        # One address alone is no flood that concerns others: those that are suspect get what is left, and of each other one
        # fewer count than make a flood.
        with self._noting:
            of_each = [list(at)[1 - FLOOD :] for at in self._in_vain_at.values() if not _is_suspect(at)]
        latest = sorted(at for each in of_each for at in each)[-FLOOD:]
        return len(latest) < FLOOD or time.monotonic() - latest[0] > FLOOD_SECONDS

    def _known_key(self, name: str) -> str:
        return f"oauth_service/{self._key(name)}/known"

    def _key(self, name: str) -> str:
        # A digest: the cache need not know who signs in from where, and some take neither spaces nor long keys.
        typed = name.reveal() if isinstance(name, ClaimedName) else name
        words = f"{self._kind}\0{self._place()}\0{typed}"
        return hashlib.sha256(words.encode(errors="replace")).hexdigest()

    def _place(self) -> str:
        """What sets the counts of a name apart, besides its kind."""
        return network()


class Guesses(Throttle):
    """
    The limit for guesses at something short that a person types: three limits at once.

    Each person has OAUTH_SERVICE_FAILURE_LIMIT, wherever they are; an address ten times as many; and all people together a
    hundred times as many, as whoever guesses hits any of all that wait.
    """

    _reason = "too many guesses"

    @contextmanager
    def guess(self, person: object) -> Iterator[Callable[[], None]]:
        """
        A block that looks at one guess, which is counted before: many at the same moment look at no more than the limits allow.

        It gets what says that the guess was wrong. Without that it is counted no more when the block ends.

        Raises:
            TooManyFailures: too many were wrong.
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


class Beginnings(Throttle):
    """The limit for what anybody may begin who knows a public client's name, and what a row is kept for."""

    _reason = "too many devices from one address"

    def begin(self, name: str) -> None:
        """
        Count one.

        Raises:
            TooManyFailures: there was none left.
        """
        self._refuse_unless(self._limiter.hit, _limit(NAMES_AN_ADDRESS), name)

    def _refusal(self, retry_after: int, detail: str) -> TooManyFailures:
        return TooManyFailures(
            "too many devices have asked: wait for the seconds in Retry-After", retry_after=retry_after, detail=detail
        )


class Registrations(Throttle):
    """The limit for clients that register themselves: so many from one address within an hour."""

    _reason = "too many registrations from one address"

    def begin(self) -> None:
        """
        Count one.

        Raises:
            TooManyFailures: there was none left.
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
    """The limit for documents of clients that nobody has heard of: so many from one address within an hour, and of all."""

    _reason = "too many client_ids that nobody has heard of"

    def begin(self) -> None:
        """
        Count one.

        Raises:
            TooManyFailures: there was none left.
        """
        for times, name in ((1, f"address {network()}"), (INTRODUCTIONS_OF_ALL, "everybody")):
            most = conf.REGISTRATION_LIMIT() * times
            limit = RateLimitItemPerSecond(most, REGISTRATION_SECONDS, namespace="oauth_service")
            self._refuse_unless(self._limiter.hit, limit, name)

    def _place(self) -> str:
        return ""


# Fewer together than a worker has threads (SERVE_THREADS), so that one is always left for what needs no hash.
LOGINS = Throttle("login", at_once=2)
CLIENTS = Throttle("client", at_once=1)
# Of clients that have no secret to guess, and of names that no client has: to fail costs nothing, so anybody can fail under
# any number of names. They are counted as the others are, but must not push those out of the memory.
UNGUESSABLE = Throttle("client", at_once=0, memory="unguessable")
USER_CODES = Guesses("user_code", at_once=0)
DEVICES = Beginnings("device", at_once=0)
REGISTRATIONS = Registrations("registration", at_once=0)
INTRODUCTIONS = Introductions("introduction", at_once=0)


def calm_down() -> None:
    """Forget what was in vain, for every kind of name."""
    for each in (LOGINS, CLIENTS, UNGUESSABLE):
        each.calm_down()


def _limit(times: int = 1) -> RateLimitItem:
    return RateLimitItemPerSecond(
        conf.FAILURE_LIMIT() * times, int(conf.FAILURE_WINDOW().total_seconds()), namespace="oauth_service"
    )


def _is_suspect(in_vain_at: Sequence[float]) -> bool:
    return len(in_vain_at) >= SUSPECT and time.monotonic() - in_vain_at[-SUSPECT] <= SUSPECT_SECONDS


def network() -> str:
    """From where the request comes. An IPv6 address stands for its network of 64 bits: each subscriber has as many."""
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
