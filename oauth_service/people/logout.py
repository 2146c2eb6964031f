"""Sign-out, and its announcement to clients (OpenID Connect Back-Channel Logout 1.0, Front-Channel Logout 1.0)."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from .. import conf, database
from ..models import AuthorizationCode, Client, Delivery, Grant, SignIn, SignInClient
from ..outbound import deliveries
from ..protocol import subject
from ..protocol.errors import ServerError
from . import authentication

logger = logging.getLogger("oauth_service.deliveries")

DELIVERY_LIFETIME = timedelta(days=7)
# Set on a request: front-channel logout addresses for the frames of a page of ours.
FRAMES_ATTRIBUTE = "oauth_service_logout_frames"
# Set on a request whose sign-out only serves a new sign-in.
SILENT_ATTRIBUTE = "oauth_service_logout_is_silent"


def on_sign_out(sender: object, request: HttpRequest | None = None, user: Any = None, **_: object) -> None:
    """End the sign-in of a session that Django ends (user_logged_out), whichever page of the project caused it."""
    if not conf.is_openid() or request is None or user is None or getattr(request, SILENT_ATTRIBUTE, False):
        return
    if sid := authentication.sid_of(request):
        frames = end([sid], user_id=user.pk, issuer=conf.issuer_of(request), now=timezone.now())
        setattr(request, FRAMES_ATTRIBUTE, frames)


def end(sids: Iterable[UUID], *, user_id: Any, issuer: str, now: datetime) -> list[str]:
    """
    End sign-ins of a user: tokens issued in them without offline_access end, and clients are told.

    Returns:
        the front-channel logout addresses to load in frames.
    """

    def run() -> list[str]:
        frames: list[str] = []
        for sid in SignIn.objects.end(list(sids), user_id=user_id, now=now, lifetime=authentication.sign_in_lifetime()):
            _end_grants(sid)
            told = [each.client for each in SignInClient.objects.filter(sign_in_id=sid).select_related("client")]
            hears = [(client, sid, user_id) for client in told if client.backchannel_logout_uri]
            queue(hears, issuer=issuer, now=now)
            frames += [_frame(client, sid, issuer) for client in told if client.frontchannel_logout_uri]
        return frames

    return database.run_transaction(run)


def _end_grants(sid: UUID) -> None:
    # They are void already, because they are read joined with their sign-in. Deletion keeps the tables small.
    for rows in (AuthorizationCode.objects.filter(sign_in_id=sid), Grant.objects.filter(sign_in_id=sid)):
        online = [pk for pk, scope in rows.values_list("pk", "scope") if "offline_access" not in scope.split()]
        rows.filter(pk__in=online).delete()


def queue(told: Iterable[tuple[Client, UUID, Any]], *, issuer: str, now: datetime) -> None:
    """
    Tell clients about ended sign-ins, once the current transaction is committed.

    Args:
        told: client, sign-in and user of each message.
    """
    messages = []
    for client, sid, user_id in told:
        try:
            sub = subject.subject_of(user_id, client, pairwise_key=conf.pairwise_key())
        except ServerError as cause:
            # The user must be signed out, whatever is wrong with a client that wants to be told.
            words = "the sign-out of session %s cannot be reported to client %s: %s"
            logger.error(words, sid.hex, client.client_id, cause.detail)
            continue
        message = Delivery(client=client, sign_in_id=sid, sub=sub, issuer=issuer, created_at=now, next_at=now)
        message.purge_at = now + DELIVERY_LIFETIME
        messages.append(message)
    if messages:
        Delivery.objects.bulk_create(messages)
        transaction.on_commit(deliveries.wake, using=database.ours())


def _frame(client: Client, sid: UUID, issuer: str) -> str:
    uri: str = client.frontchannel_logout_uri
    if not client.frontchannel_logout_session_required:
        return uri
    # "iss" and "sid" both, or neither (Front-Channel Logout section 2).
    separator = "&" if urlsplit(uri).query else "?"
    return f"{uri}{separator}{urlencode({'iss': issuer, 'sid': sid.hex})}"
