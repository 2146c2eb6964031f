"""Users' connections: the date when an app is disconnected, and the end of a single connection."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from .. import conf, signals
from ..models import Client, Consent, Grant

NEVER = "never"
SPANS: Mapping[str, timedelta] = MappingProxyType({str(days): timedelta(days=days) for days in (1, 7, 30)})
"""How long an app may stay connected from now on, by the value that the form sends."""


def longest(client: Client) -> timedelta | None:
    """
    Return the longest lifetime of a client's connections, from the client or the server; None if it lasts as long as it
    is used.
    """
    return client.connection_lifetime or conf.CONNECTION_LIFETIME()


def offered(client: Client) -> list[str]:
    """Return the spans that are shorter than what client or server allow anyway."""
    most = longest(client)
    return [name for name, span in SPANS.items() if most is None or span < most]


def end_of(consent: Consent, *, connected_at: datetime | None) -> datetime | None:
    """
    Return the date when an app is disconnected or has to ask again; None for never.

    Args:
        connected_at: when the latest of its connections began; None if it has none.
    """
    most = longest(consent.client)
    ends = [consent.ends_at, connected_at + most if most and connected_at else None]
    return min((each for each in ends if each), default=None)


def set_end(user_id: Any, client_id: str, span: str, *, now: datetime) -> Consent | None:
    """
    Set or clear the date when an app is disconnected.

    Args:
        span: one of offered(), or NEVER. Any other text changes nothing.

    Returns:
        the current consent with its client; None if it has ended, or is another user's.
    """
    mine = Consent.objects.filter(user_id=user_id, client__client_id=client_id).select_related("client")
    if (consent := mine.first()) is None:
        return None
    if span != NEVER and span not in offered(consent.client):
        return consent
    before, ends_at = consent.ends_at, None if span == NEVER else now + SPANS[span]
    if not Consent.objects.set_end(consent.pk, ends_at, now=now):
        return None
    consent.ends_at = ends_at
    if before != ends_at:
        changes = f"ends_at: {end_as_text(before)} → {end_as_text(ends_at)}"
        signals.announce(signals.connection_end_set, user_id=user_id, client_id=client_id, changes=changes)
    return consent


def find_one(user_id: Any, grant_id: str, *, now: datetime) -> Grant | None:
    """Return a live connection of a user, to any app; None if it has ended, or is another user's."""
    try:
        return Grant.objects.live(now=now).filter(consent__user_id=user_id, pk=UUID(grant_id)).first()
    except ValueError:
        return None


def end_one(user_id: Any, grant_id: str, *, now: datetime) -> bool:
    """End a connection of a user, to any app; False if it has ended, or is another user's."""
    found = find_one(user_id, grant_id, now=now)
    if found is None or not Grant.objects.end(found.pk):
        return False
    facts = {"user_id": user_id, "client_id": found.consent.client.client_id, "grant_id": found.pk}
    signals.announce(signals.token_revoked, **facts, token_type="refresh_token")
    return True


def end_as_text(ends_at: datetime | None) -> str:
    """Return an end date as text for an event."""
    return ends_at.isoformat(timespec="seconds") if ends_at else NEVER
