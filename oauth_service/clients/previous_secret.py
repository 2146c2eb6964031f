"""The last use of a client's previous secret: staff read it before they end that secret."""

import hashlib
import logging
import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from django.db import Error

from ..models import Client, ClientRow

logger = logging.getLogger("oauth_service.clients")

INTERVAL = timedelta(hours=1)

_MOST_REMEMBERED = 1024
_recorded: OrderedDict[tuple[int, bytes], datetime] = OrderedDict()
_recording = threading.Lock()


def was_used(client: ClientRow, *, now: datetime) -> None:
    """
    Record that a client has authenticated with its previous secret: at most one UPDATE an hour in each process.

    Clients that use their newest secret are not affected. If the database cannot be written, the client is authenticated
    anyway, and the next attempt follows in an hour.
    """
    if not _is_due(client, now=now):
        return
    try:
        Client.objects.record_use_of_previous_secret(client, now=now, interval=INTERVAL)
    except Error as failure:
        logger.warning(
            "The use of the previous secret of client %s could not be recorded: %s.",
            client.client_id,
            type(failure).__name__,
        )


def forget() -> None:
    """Forget the uses that were recorded; the next one is recorded again."""
    with _recording:
        _recorded.clear()


def _is_due(client: ClientRow, *, now: datetime) -> bool:
    # The key contains the secret: after another rotation, the first use of the then previous secret is recorded at once.
    key = client.pk, hashlib.sha256(client.previous_secret_hash.reveal().encode()).digest()
    with _recording:
        last = _recorded.get(key)
        if last is not None and last <= now < last + INTERVAL:
            return False
        _recorded[key] = now
        _recorded.move_to_end(key)
        if len(_recorded) > _MOST_REMEMBERED:
            _recorded.popitem(last=False)
    return True
