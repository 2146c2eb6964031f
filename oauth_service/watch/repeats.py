"""
Which events share a row of the audit trail, so that nobody can make it grow by asking again and again.

Of an hour, routine events that are alike in everything but their moment and reference are one row, which counts them. Of one user
and client only so many different rows of one kind are written by a process; what comes then is counted on one more row, which
shows the latest. So a row belongs to a bucket, and whoever writes a bucket that is there already adds to its row.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from ..models.audit_event import LONGEST_CHANGES, Entry, Event

HOUR_SECONDS = 3600
MOST_DIFFERENT = 10  # rows of one event, user and client in an hour, besides the one for the others
# Of those whom nobody knows there is one trail for all, and what staff do is looked at one by one.
MOST_OF_ALL = 100
MOST_GROUPS = 10_000  # users and clients that are remembered at a time
OTHERS = "The latest of several that differ."


class Repeats:
    """
    What a process has written of the current hour.

    Args:
        apart: events of which each has a row of its own, as long as there is room.
    """

    def __init__(self, apart: Collection[str] = ()) -> None:
        self._apart = frozenset(apart)
        self._different: OrderedDict[tuple[Any, ...], set[int]] = OrderedDict()
        self._lock = threading.Lock()

    def placed(self, entry: Entry) -> Entry:
        """The entry with its bucket; one that has one keeps it."""
        if entry.bucket is not None:
            return entry
        hour = int(entry.at.timestamp()) // HOUR_SECONDS
        group = (hour, entry.event, entry.user_id, entry.actor_id, entry.by, entry.client_id)
        details: tuple[Any, ...] = (entry.reason, entry.address, entry.grant_id, entry.scope, entry.changes)
        if entry.event in self._apart:
            details += (entry.at, entry.reference)
        if self._has_room(group, hash(details), _most(entry)):
            return entry._replace(bucket=_bucket(hour, (*group, *details)))
        changes = f"{OTHERS}\n{entry.changes}".strip()[:LONGEST_CHANGES]
        return entry._replace(bucket=_bucket(hour, (*group, OTHERS)), changes=changes)

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._different.clear()

    def _has_room(self, group: tuple[Any, ...], detail: int, most: int) -> bool:
        with self._lock:
            seen = self._different.get(group)
            if seen is None:
                seen = self._different[group] = set()
                if len(self._different) > MOST_GROUPS:
                    self._different.popitem(last=False)
            if detail in seen:
                return True
            if len(seen) >= most:
                return False
            seen.add(detail)
            return True


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """One entry for each bucket, in the order of the first of each: no statement may write a row twice."""
    found: dict[Any, Entry] = {}
    for number, entry in enumerate(entries):
        key = number if entry.bucket is None else entry.bucket
        first = found.get(key)
        if first is None:
            found[key] = entry
        else:
            found[key] = entry._replace(
                at=first.at, purge_at=first.purge_at, event_count=first.event_count + entry.event_count
            )
    return list(found.values())


def _most(entry: Entry) -> int:
    is_nobodys = entry.user_id is None and not entry.client_id
    return MOST_OF_ALL if is_nobodys or entry.event == Event.ADMINISTERED else MOST_DIFFERENT


def _bucket(hour: int, words: tuple[Any, ...]) -> UUID:
    # The hour first, so that an index of them grows at its end, where its pages are in memory.
    digest = hashlib.blake2b(repr(words).encode(errors="surrogatepass"), digest_size=12).digest()
    return UUID(bytes=hour.to_bytes(4, "big") + digest)
