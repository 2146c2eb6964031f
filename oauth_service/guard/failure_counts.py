"""Counts of what failed lately, kept where `limits` asks for them: in a cache of Django's."""

import time
from contextlib import suppress
from math import floor

from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache
from limits.errors import StorageError
from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport, TimestampedSlidingWindow

from .. import conf

MOST_IN_MEMORY = 10_000

_in_memory: dict[str, LocMemCache] = {}


class CacheStorage(Storage, SlidingWindowCounterSupport, TimestampedSlidingWindow):
    """
    A storage of `limits` over the cache that OAUTH_SERVICE_THROTTLE_CACHE names.

    The key of a counter has the span of time in it, so that nothing depends on how long a cache really keeps it.
    Where a cache fails, every method raises limits.errors.StorageError.

    Args:
        memory: the name of what is counted here while the project has set no cache.
    """

    STORAGE_SCHEME = None

    def __init__(self, memory: str) -> None:
        super().__init__(wrap_exceptions=True)
        self._memory = memory

    @property
    def base_exceptions(self) -> type[Exception]:
        """Each cache has a driver of its own, with errors of its own."""
        return Exception

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """
        Count, unless that would be over the limit.

        Of many that come at the same moment no more are let through than are left: what the counter says once this one is
        counted decides, and not what it said before.

        Args:
            expiry: the length of the window, in seconds.
        """
        now = time.time()
        before, before_seconds, current, _ = self._windows(key, expiry, now)
        earlier = before * before_seconds / expiry
        if floor(earlier + current) + amount > limit:
            return False
        counter = self.sliding_window_keys(key, expiry, now)[1]
        if floor(earlier + self.incr(counter, 2 * expiry, amount)) > limit:
            self._take_off(counter, amount)
            return False
        return True

    def give_back(self, key: str, expiry: int, at: float) -> None:
        """
        Take off one that was counted, and was no failure.

        Args:
            expiry: the length of the window, in seconds.
            at: when it was counted, in seconds since the epoch.
        """
        try:
            self._take_off(self.sliding_window_keys(key, expiry, at)[1], 1)
        except self.base_exceptions as fault:  # the methods that `limits` knows do so by themselves
            raise StorageError(fault) from fault

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and seconds left of the window before this one, then of this one, which counts for another one after it."""
        return self._windows(key, expiry, time.time())

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget one key."""
        self._cache().delete_many(self.sliding_window_keys(key, expiry, time.time()))

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, which lives for expiry seconds from its first; what it is then."""
        cache = self._cache()
        if cache.add(key, amount, expiry):
            return amount
        try:
            return int(cache.incr(key, amount))
        except ValueError:  # it ended, or was pushed out, in between
            cache.set(key, amount, expiry)
            return amount

    def get(self, key: str) -> int:
        """A counter, 0 for none."""
        return int(self._cache().get(key, 0))

    def clear(self, key: str) -> None:
        """Forget a counter."""
        self._cache().delete(key)

    def check(self) -> bool:
        """Tell whether the cache answers."""
        self.get("oauth_service")
        return True

    def get_expiry(self, key: str) -> float:
        """Not known: a cache of Django's does not tell when a value ends. A sliding window needs no such answer."""
        raise NotImplementedError

    def reset(self) -> int | None:
        """Not possible: the cache is the whole project's, and cannot be emptied by half."""
        raise NotImplementedError

    def _take_off(self, counter: str, amount: int) -> None:
        with suppress(ValueError):  # it has ended, or was pushed out
            self._cache().decr(counter, amount)

    def _windows(self, key: str, expiry: int, now: float) -> tuple[int, float, int, float]:
        keys = self.sliding_window_keys(key, expiry, now)
        found = self._cache().get_many(keys)
        before, current = (int(found.get(each, 0)) for each in keys)
        left = expiry - now % expiry
        return before, left if before else 0.0, current, left + expiry

    def _cache(self) -> BaseCache:
        return cache_of(self._memory)


def cache_of(memory: str) -> BaseCache:
    """
    The cache that OAUTH_SERVICE_THROTTLE_CACHE names; one of our own in its place while it is Django's in memory.

    Django's is for 300 values of all kinds: a flood of names would push the counts out, and what the project keeps there, too.
    Ours are apart: names that cost nothing push out nothing but each other.

    Args:
        memory: the name of what is kept apart.
    """
    if not are_in_memory():
        return caches[conf.THROTTLE_CACHE()]
    if memory not in _in_memory:
        name = f"oauth_service.failure_counts.{memory}"
        _in_memory.setdefault(memory, LocMemCache(name, {"OPTIONS": {"MAX_ENTRIES": MOST_IN_MEMORY}}))
    return _in_memory[memory]


def are_in_memory() -> bool:
    """Tell whether each process counts by itself."""
    return type(caches[conf.THROTTLE_CACHE()]) is LocMemCache


def forget_all() -> None:
    """Forget what was counted in this process's own memory."""
    for each in _in_memory.values():
        each.clear()
    _in_memory.clear()
