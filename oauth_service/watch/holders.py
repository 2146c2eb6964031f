"""
Hints that tell a careless client from a thief when a refresh token is used again; the operator reads them with the
event.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from .. import signals
from ..models import AuditEvent, ClientRow
from ..models.audit_event import Event, RowFilter

READ = 100  # latest events of each kind of a user, to find those of one connection in
_SEEN = (Event.TOKEN_ISSUED, Event.TOKEN_REFRESHED, Event.REFRESH_RETRIED)


def address_is_known(user_id: Any, grant_id: UUID) -> bool | None:
    """
    Return whether a connection was made, renewed or retried from the address of this request before. One statement.

    Returns:
        None if the audit trail cannot tell: it is off, has no row of the connection, or the address of the request is
        unknown.
    """
    address = signals.current_request().address[:45]
    filters = [RowFilter({"user_id": user_id, "event": event.value}, READ) for event in _SEEN]
    seen = {row.address for row in AuditEvent.objects.latest_of(filters) if row.grant_id == grant_id} - {""}
    return address in seen if address and seen else None


def in_words(client: ClientRow, *, is_known: bool | None) -> str:
    """Describe the address, and whether the client authenticated, in few enough words for a row."""
    words = {True: "known address", False: "new address", None: "address unknown"}
    return f"{words[is_known]}, {'public client' if client.is_public else 'client authenticated'}"


def span_in_words(span: timedelta) -> str:
    """Return a span in its largest unit, rounded down."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
