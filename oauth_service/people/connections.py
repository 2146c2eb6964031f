"""What people say about their connections: when an app is disconnected, and that one of its connections ends."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from .. import conf, signals
from ..models import Client, Consent, Grant

NEVER = "never"
SPANS: Mapping[str, timedelta] = MappingProxyType({str(days): timedelta(days=days) for days in (1, 7, 30)})
"""How long an app may stay connected from now on, by what the form sends."""


def longest(client: Client) -> timedelta | None:
    """How long a connection of a client lives at most, as client or server say; None for as long as it is used."""
    return client.connection_lifetime or conf.CONNECTION_LIFETIME()


def offered(client: Client) -> list[str]:
    """The spans that are shorter than what client or server allow anyway."""
    most = longest(client)
    return [name for name, span in SPANS.items() if most is None or span < most]


def end_of(consent: Consent, *, connected_at: datetime | None) -> datetime | None:
    """
    When an app is disconnected whatever happens, or has to ask again; None for never.

    Args:
        connected_at: when the latest of its connections began; None if it has none.
    """
    most = longest(consent.client)
    ends = [consent.ends_at, connected_at + most if most and connected_at else None]
    return min((each for each in ends if each), default=None)


def set_end(user_id: Any, client_id: str, span: str, *, now: datetime) -> Consent | None:
    """
    Let an app be disconnected after a while, or no more.

    Args:
        span: one of offered(), or NEVER. What is offered to nobody changes nothing.

    Returns:
        the consent as it is now, with its client; None if it has ended, or is not theirs.
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
        changes = f"ends_at: {said(before)} → {said(ends_at)}"
        signals.announce(signals.connection_end_set, user_id=user_id, client_id=client_id, changes=changes)
    return consent


def end_one(user_id: Any, grant_id: str, *, now: datetime) -> bool:
    """End one connection of a person, whichever app it is; False if it has ended, or is not theirs."""
    try:
        found = Grant.objects.live(now=now).filter(consent__user_id=user_id, pk=UUID(grant_id)).first()
    except ValueError:
        return False
    if found is None or not Grant.objects.end(found.pk):
        return False
    facts = {"user_id": user_id, "client_id": found.consent.client.client_id, "grant_id": found.pk}
    signals.announce(signals.token_revoked, **facts, token_type="refresh_token")
    return True


def said(ends_at: datetime | None) -> str:
    """An end date as an event tells it."""
    return ends_at.isoformat(timespec="seconds") if ends_at else NEVER
