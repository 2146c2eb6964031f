"""
Merging of repeated events into one row of the audit trail, so that repeated requests cannot make it grow.

Within an hour, events that differ in nothing but their time and reference share one row, which counts them. Each
process writes a limited number of different rows per event, user and client. Further events are counted on one more
row, which shows the latest. Each row has a bucket; writing an event of an existing bucket adds to its row.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from ..models.audit_event import LONGEST_CHANGES, Entry, Event

HOUR_SECONDS = 3600
MOST_DIFFERENT = 10  # rows of one event, user and client in an hour, besides the one for further events
# All events without a user and client share this many rows. Staff actions have as many, as each is looked at.
MOST_OF_ALL = 100
MOST_GROUPS = 10_000  # users and clients remembered at a time
OTHERS = "The latest of several that differ."


class Repeats:
    """
    Memory of the rows that this process wrote in the current hour.

    Args:
        apart: events that each get a row of their own, as long as there is room.
    """

    def __init__(self, apart: Collection[str] = ()) -> None:
        self._apart = frozenset(apart)
        self._different: OrderedDict[tuple[Any, ...], set[int]] = OrderedDict()
        self._lock = threading.Lock()

    def with_bucket(self, entry: Entry) -> Entry:
        """Return the entry with its bucket. A bucket that it has already is kept."""
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
        """Forget the rows written so far."""
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
    """
    Merge entries of the same bucket, because no statement may write a row twice. The order of first entries is kept.
    """
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
    # The hour comes first, so that the index of buckets grows at its end, where its pages are in memory.
    digest = hashlib.blake2b(repr(words).encode(errors="surrogatepass"), digest_size=12).digest()
    return UUID(bytes=hour.to_bytes(4, "big") + digest)
