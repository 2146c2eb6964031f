"""
Documents of others: fetched when needed, stored as rows that all workers share, and used stale while the origin is
down.

One worker at a time fetches a document. The others use the stored copy, or wait for the first one.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import close_old_connections, connections
from django.utils import timezone

from .. import background
from ..models.document import Document, Kind, key_of
from ..protocol import freshness

logger = logging.getLogger("oauth_service.documents")

CLAIM = timedelta(seconds=15)
WAIT_SECONDS = 6.0
POLL_SECONDS = 0.1
LAST_ERROR_LENGTH = 200
GONE = (404, 410)
KEPT = timedelta(days=30)
"""Time for which the row of a document is kept after its last fetch."""


class DocumentUnavailable(Exception):
    """
    The document has no usable copy, fresh or stale.

    Args:
        detail: for the operator's log.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Rules:
    """
    Rules for fetching one kind of document.

    Attributes:
        accept: media types, for the Accept header.
        most_bytes: the longest allowed body.
        keep: converts the received body into what is stored; raises ValueError if it is not such a document.
        ends: True if the stored copy becomes unusable when the origin answers 404 or 410, or sends something unusable.
            Otherwise the copy is used as if the origin were down.
    """

    accept: str
    most_bytes: int
    keep: Callable[[bytes], bytes]
    ends: bool = False


def read(url: str, *, kind: Kind, rules: Rules) -> bytes:
    """
    Return the stored document, which is fetched unless there is a fresh copy.

    Raises:
        DocumentUnavailable: it could not be fetched, and there is no usable copy.
    """
    return bytes(copy_of(url, kind=kind, rules=rules).body)


def copy_of(url: str, *, kind: Kind, rules: Rules) -> Document:
    """
    Return the row of a document with a usable copy, which is fetched unless it is fresh.

    Raises:
        DocumentUnavailable: it could not be fetched, and there is no usable copy.
    """
    until = time.monotonic() + WAIT_SECONDS
    while True:
        now = timezone.now()
        found = Document.objects.find(kind, url)
        if found and not found.is_due(now=now):
            return _usable(found)
        if Document.objects.claim(kind, url, now=now, until=now + CLAIM, purge_at=now + KEPT):
            return _usable(_fetch(url, kind, rules, found))
        if found and found.is_usable(now=now, stale=freshness.STALE):
            return found
        if time.monotonic() > until:
            raise DocumentUnavailable(
                f"{url[:200]}: another worker has been fetching it for {WAIT_SECONDS:.0f} seconds"
            )
        time.sleep(POLL_SECONDS)


def read_again(url: str, *, kind: Kind, rules: Rules) -> bytes:
    """
    Ask the origin again although the copy is fresh, because something is missing in it, and return the stored document.

    The origin is asked at most once in freshness.SHORTEST, however often this is called.

    Raises:
        DocumentUnavailable: it could not be fetched, and there is no usable copy.
    """
    now = timezone.now()
    Document.objects.expire(kind, url, now=now, fetched_before=now - freshness.SHORTEST)
    return read(url, kind=kind, rules=rules)


def refuse(url: str, *, kind: Kind, fault: str) -> None:
    """Mark a copy as unusable. It is fetched again, but not before freshness.RETRY."""
    fault = _printable(fault)
    logger.warning("%s cannot be used: %s", url[:200], fault)
    changes = {
        "fetched_at": None,
        "last_error": fault[:LAST_ERROR_LENGTH],
        "retry_at": timezone.now() + freshness.RETRY,
    }
    Document.objects.filter(pk=key_of(kind, url)).update(**changes)


def read_later(url: str, *, kind: Kind, rules: Rules) -> bytes | None:
    """
    Return the stored document without waiting for its origin. A missing or stale copy is fetched on another thread.

    Returns:
        the copy; None if there is none yet.
    """
    now = timezone.now()
    found = Document.objects.find(kind, url)
    if not found or found.is_due(now=now):
        refresh_later(url, kind=kind, rules=rules)
    return bytes(found.body) if found and found.is_usable(now=now, stale=freshness.STALE) else None


def refresh_later(url: str, *, kind: Kind, rules: Rules) -> None:
    """
    Fetch a document on another thread, unless a thread of this process is fetching it already.

    In a test run, nothing is fetched in this way.
    """
    if background.is_test_run():
        return
    with _starting:
        if (kind, url) in _running or len(_running) >= MOST_THREADS:
            return
        _running.add((kind, url))
    background.start(_work, url, kind, rules, name="documents")


MOST_THREADS = 4
_starting = threading.Lock()
_running: set[tuple[Kind, str]] = set()


def _work(url: str, kind: Kind, rules: Rules) -> None:
    try:
        close_old_connections()
        read(url, kind=kind, rules=rules)
    except DocumentUnavailable as failure:
        logger.info("%s", failure.detail)
    except Exception:
        logger.exception("a document could not be fetched")
    finally:
        connections.close_all()
        with _starting:
            _running.discard((kind, url))


def _fetch(url: str, kind: Kind, rules: Rules, before: Document | None) -> Document:
    """Fetch a document that this caller has claimed, and store the result."""
    from .fetch import FetchFailed, fetch

    headers = {"Accept": rules.accept}
    if before and before.etag and before.etag.isascii() and before.fetched_at:  # a header that is sent is ASCII
        headers["If-None-Match"] = before.etag
    fault, is_over = "", False
    changes: dict[str, Any] = {}
    try:
        response = fetch(url, headers=headers, most_bytes=rules.most_bytes)
        now = timezone.now()
        fresh = {"fetched_at": now, "fresh_until": now + freshness.lifetime(response.headers, now=now)}
        if response.status == 304 and "If-None-Match" in headers:
            changes = fresh
        elif response.status == 200:
            changes = fresh | {"body": rules.keep(response.body), "etag": response.headers.get("etag", "")[:200]}
        else:
            fault = f"the origin answered {response.status}"
            is_over = response.status in GONE
    except FetchFailed as failure:
        fault = failure.detail
    except (ValueError, RecursionError) as failure:  # RecursionError: JSON that is nested too deep
        fault, is_over = f"what the origin sent is not usable: {failure}", True
    now = timezone.now()
    if fault := _printable(fault):
        logger.warning("%s could not be fetched: %s", url[:200], fault)
        # Leave fresh_until alone, so that the copy stays stale: is_usable() measures from it.
        changes = {"last_error": fault[:LAST_ERROR_LENGTH], "retry_at": now + freshness.RETRY}
        changes |= {"fetched_at": None} if is_over and rules.ends else {}
    else:
        changes |= {"last_error": "", "retry_at": None, "purge_at": now + KEPT}
    row = Document.objects.filter(pk=key_of(kind, url))
    row.update(claimed_until=None, **changes)
    return row.get()


def _printable(fault: str) -> str:
    # A fault may quote the document. A line end would forge a line of the log, and an escape could change the terminal.
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in fault)


def _usable(document: Document) -> Document:
    if not document.is_usable(now=timezone.now(), stale=freshness.STALE):
        raise DocumentUnavailable(f"{document.url[:200]}: {document.last_error}")
    return document
