"""Counts of recent failures: a storage for `limits` in one of Django's caches."""

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
    A storage of `limits` in the cache that OAUTH_SERVICE_THROTTLE_CACHE names.

    The key of a counter contains its time window, so that nothing depends on how long a cache keeps a value. If a cache
    fails, every method raises limits.errors.StorageError.

    Args:
        memory: name of the separate counts in this process's memory, which are used if the project has set no cache.
    """

    STORAGE_SCHEME = None

    def __init__(self, memory: str) -> None:
        super().__init__(wrap_exceptions=True)
        self._memory = memory

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return Exception, because each cache driver has errors of its own."""
        return Exception

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """
        Count, unless the count would exceed the limit.

        Concurrent callers cannot exceed the limit together: the counter is read after this call was counted, not before.

        Args:
            expiry: length of the window, in seconds.
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
        Subtract one that turned out not to be a failure.

        Args:
            expiry: length of the window, in seconds.
            at: time when it was counted, in seconds since the epoch.
        """
        try:
            self._take_off(self.sliding_window_keys(key, expiry, at)[1], 1)
        except self.base_exceptions as fault:  # `limits` wraps its own methods, but does not know this one
            raise StorageError(fault) from fault

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return count and seconds left of the previous window, then of this one, which counts during the next one, too."""
        return self._windows(key, expiry, time.time())

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Delete the counters of a key."""
        self._cache().delete_many(self.sliding_window_keys(key, expiry, time.time()))

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, which lives for expiry seconds from its first use; return its new value."""
        cache = self._cache()
        if cache.add(key, amount, expiry):
            return amount
        try:
            return int(cache.incr(key, amount))
        except ValueError:  # it expired or was evicted in between
            cache.set(key, amount, expiry)
            return amount

    def get(self, key: str) -> int:
        """Return a counter; 0 if there is none."""
        return int(self._cache().get(key, 0))

    def clear(self, key: str) -> None:
        """Delete a counter."""
        self._cache().delete(key)

    def check(self) -> bool:
        """Return True if the cache answers."""
        self.get("oauth_service")
        return True

    def get_expiry(self, key: str) -> float:
        """Unsupported: Django's caches do not tell when a value expires. Sliding windows do not need it."""
        raise NotImplementedError

    def reset(self) -> int | None:
        """Unsupported: the cache belongs to the whole project, and cannot be emptied in part."""
        raise NotImplementedError

    def _take_off(self, counter: str, amount: int) -> None:
        with suppress(ValueError):  # it has expired or was evicted
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
    Return the cache that OAUTH_SERVICE_THROTTLE_CACHE names, or a separate one if that is Django's in-memory cache.

    Django's holds 300 values of all kinds: a flood of names would evict the counts and the project's own values. The
    separate caches keep names that cost nothing from evicting other counts.

    Args:
        memory: name of the separate cache.
    """
    if not are_in_memory():
        return caches[conf.THROTTLE_CACHE()]
    if memory not in _in_memory:
        name = f"oauth_service.failure_counts.{memory}"
        _in_memory.setdefault(memory, LocMemCache(name, {"OPTIONS": {"MAX_ENTRIES": MOST_IN_MEMORY}}))
    return _in_memory[memory]


def are_in_memory() -> bool:
    """Tell whether each process counts on its own."""
    return type(caches[conf.THROTTLE_CACHE()]) is LocMemCache


def forget_all() -> None:
    """Delete all counts in this process's memory."""
    for each in _in_memory.values():
        each.clear()
    _in_memory.clear()
