"""
The outbox: a thread of this process sends logout tokens to clients, and repeats them with growing pauses until they are
taken.

No request waits for a client. Rows are claimed before they are sent, so that several workers share them. If a worker
dies, others take over its rows when the claim has run out.
"""

import logging
import threading
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db import Error, close_old_connections, connections, models
from django.utils import timezone

from .. import background, database
from ..models import Delivery
from ..protocol import delivery, logout_token

logger = logging.getLogger("oauth_service.deliveries")

BATCH = 20
CLAIM = timedelta(minutes=2)
LAST_ERROR_LENGTH = 200

_wanted = threading.Event()
_starting = threading.Lock()
_thread: threading.Thread | None = None


def wake() -> None:
    """Send due messages soon, on another thread. In a test run, nothing is sent until deliver_due() is called."""
    global _thread
    if background.is_test_run():
        return
    _wanted.set()
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = background.start(_work, name="deliveries")


def deliver_due(*, now: datetime) -> int:
    """
    Send every due message, one after the other.

    Returns:
        the number of attempts.
    """
    tried = 0
    while claimed := _claim(now=now):
        for each in claimed:
            _deliver(each, now=now)
        tried += len(claimed)
    return tried


def _claim(*, now: datetime) -> list[Delivery]:
    due = Delivery.objects.filter(next_at__lte=now).select_related("client").order_by("next_at")
    if connections[database.ours()].features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, of=("self",))

    def run() -> list[Delivery]:
        claimed = list(due[:BATCH])
        Delivery.objects.filter(pk__in=[each.pk for each in claimed]).update(next_at=now + CLAIM)
        return claimed

    return database.run_transaction(run)


def _deliver(message: Delivery, *, now: datetime) -> None:
    fault = _send(message, now=now)
    if not fault:
        Delivery.objects.filter(pk=message.pk).delete()
        return
    attempts = message.attempts + 1
    next_at = delivery.next_attempt(attempts, now=timezone.now())
    Delivery.objects.filter(pk=message.pk).update(
        attempts=attempts, next_at=next_at, last_error=fault[:LAST_ERROR_LENGTH]
    )
    level = logging.WARNING if next_at else logging.ERROR
    words = "the sign-out of session %s was not taken by client %s (attempt %d): %s; %s"
    onward = f"again at {next_at:%Y-%m-%dT%H:%M:%SZ}" if next_at else "given up"
    logger.log(level, words, message.sign_in_id.hex, message.client.client_id, attempts, fault, onward)


def _send(message: Delivery, *, now: datetime) -> str:
    """Send one message. Return why the client did not take it, or "" if it did."""
    from ..tokens import keys
    from .fetch import FetchFailed, fetch

    client = message.client
    if not client.is_active or not client.backchannel_logout_uri:
        return ""  # the client no longer asks for messages
    claims = logout_token.claims(
        issuer=message.issuer, client_id=client.client_id, subject=message.sub, sid=message.sign_in_id.hex, now=now
    )
    token = keys.sign(claims, algorithm=client.id_token_signed_response_alg, typ="logout+jwt", now=now)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        response = fetch(
            client.backchannel_logout_uri,
            method="POST",
            headers=form,
            body=urlencode({"logout_token": token}).encode(),
        )
    except FetchFailed as failure:
        return failure.detail
    return "" if 200 <= response.status < 300 else f"it answered {response.status}"


def _work() -> None:
    while True:
        _wanted.clear()
        pause = 1.0
        try:
            close_old_connections()
            deliver_due(now=timezone.now())
            pause = _seconds_to_next()
        except Error:
            logger.warning("sign-out messages wait, because the database does not respond", exc_info=True)
            pause = 10.0
        except Exception:
            logger.exception("sign-out messages could not be sent")
            pause = 60.0
        finally:
            connections.close_all()
        if pause < 0 and not _wanted.wait(1.0):
            return  # nothing waits; the next sign-out starts another thread
        _wanted.wait(max(pause, 0.0))


def _seconds_to_next() -> float:
    """Return the seconds until the next message is due; -1 if there is none."""
    found: datetime | None = Delivery.objects.aggregate(at=models.Min("next_at"))["at"]
    if found is None:
        return -1.0
    return max(0.1, min(60.0, (found - timezone.now()).total_seconds()))


def wake_if_due(*, now: datetime) -> None:
    """Wake the thread if messages are due, for instance because a process that died left them. One statement."""
    try:
        if Delivery.objects.filter(next_at__lte=now).exists():
            wake()
    except Error:
        # The response of the request that called this is ready already.
        logger.warning("the server could not check whether sign-out messages wait", exc_info=True)
