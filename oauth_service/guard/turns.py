"""Turns at something that only a few may do at a time, shared fairly."""

import threading
from collections import Counter


class Turns:
    """
    A number of turns, each held by somebody until it is given back.

    Args:
        at_once: the number of turns.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._free = at_once
        self._held: Counter[str] = Counter()
        self._waiting: dict[object, tuple[bool, str]] = {}  # ticket → (True if others go first, name of the holder)
        self._changed = threading.Condition()

    def take(self, who: str, *, patience: float | None, is_first: bool = False) -> bool:
        """
        Take a turn, or wait for one. Among those who wait, the holder with the fewest turns goes first, then the earliest.

        Args:
            patience: seconds to wait; None for ever.
            is_first: True to go before all who wait without it.

        Returns:
            False if there was no turn within that time.
        """
        with self._changed:
            ticket = object()
            self._waiting[ticket] = (not is_first, who)
            is_mine = self._changed.wait_for(lambda: self._free and self._next() is ticket, patience)
            del self._waiting[ticket]
            if is_mine:
                self._hold(who)
            self._changed.notify_all()
            return bool(is_mine)

    def take_last(self, who: str) -> bool:
        """Take a turn only if nobody waits, and another one stays free, unless there is only one in all."""
        with self._changed:
            if self._waiting or self._free <= (1 if self.at_once > 1 else 0):
                return False
            self._hold(who)
            return True

    def give_back(self, who: str) -> None:
        """Return a turn, and let the next one take it."""
        with self._changed:
            self._free += 1
            self._held[who] -= 1
            if not self._held[who]:
                del self._held[who]
            self._changed.notify_all()

    def _hold(self, who: str) -> None:
        self._free -= 1
        self._held[who] += 1

    def _next(self) -> object:
        def order(ticket: object) -> tuple[bool, int]:
            goes_later, who = self._waiting[ticket]
            return goes_later, self._held[who]

        return min(self._waiting, key=order)
