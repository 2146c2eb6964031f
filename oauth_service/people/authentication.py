"""
The authentication event: when and how the user of a browser signed in (OpenID Connect Core 1.0 section 2).

It is stored in the session at every sign-in (user_logged_in), and its SignIn row has the same id. Without OpenID
Connect
nothing is stored.
"""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils import timezone

from .. import conf, signals
from ..models import SignIn
from ..protocol.lifecycle import LONGEST_LIFETIME
from ..protocol.openid import AuthenticationEvent
from ..signals import RequestContext
from ..web.requests import address_of

SESSION_KEY = "oauth_service_sign_in"
# Set on a request before login() by a page that knows how the user signs in: Authentication Methods References.
AMR_ATTRIBUTE = "oauth_service_amr"


def remember(sender: object, request: HttpRequest | None = None, user: Any = None, **_: object) -> None:
    """Store the event of a sign-in (user_logged_in). If the same user signs in again, the session stays the same."""
    if not conf.is_openid() or not hasattr(request, "session") or request is None or user is None:
        return
    before = request.session.get(SESSION_KEY) or {}
    is_renewed = before.get("user") == str(user.pk)
    sid = before["sid"] if is_renewed else uuid.uuid4().hex
    amr = getattr(request, AMR_ATTRIBUTE, ())
    _keep(request, user, sid=sid, auth_time=timezone.now(), acr=conf.ACR(), amr=amr, is_renewed=is_renewed)


def announce_sign_in(sender: object, request: HttpRequest | None = None, user: Any = None, **_: object) -> None:
    """Announce Django's signal of a sign-in (user_logged_in) as an event of ours."""
    if user is not None and _is_of_a_browser(request):
        with signals.use_request_context(_context_of(request)):
            signals.announce(signals.signed_in, user_id=user.pk)


def announce_sign_out(sender: object, request: HttpRequest | None = None, user: Any = None, **_: object) -> None:
    """Announce Django's signal of a sign-out (user_logged_out) as an event of ours."""
    if user is not None and _is_of_a_browser(request):
        with signals.use_request_context(_context_of(request)):
            signals.announce(signals.signed_out, user_id=user.pk)


def announce_refused(
    sender: object, credentials: dict[str, object], request: HttpRequest | None = None, **_: object
) -> None:
    """Announce Django's signal of a refused sign-in (user_login_failed) as an event of ours."""
    name = conf.claimed_name(str(credentials.get("username", "")))
    with signals.use_request_context(_context_of(request)):
        signals.announce(signals.login_refused, username=name, reason="wrong username or password")


def event_of(request: HttpRequest) -> AuthenticationEvent | None:
    """
    The event of a request's session; None without a signed-in user or without OpenID Connect.

    Raises:
        ImproperlyConfigured: OAUTH_SERVICE_AUTHENTICATION_EVENT returned a wrong value.
    """
    if not conf.is_openid() or not request.user.is_authenticated:
        return None
    kept = request.session.get(SESSION_KEY)
    if not kept or kept.get("user") != str(request.user.pk):
        # The session is older than OpenID Connect in this project, or was not made by login().
        signed_in_at = getattr(request.user, "last_login", None) or timezone.now()
        _keep(request, request.user, sid=uuid.uuid4().hex, auth_time=signed_in_at, acr="", amr=())
        kept = request.session[SESSION_KEY]
    said = _said_by_the_project(request)
    auth_time, acr, amr = said.get("auth_time"), said.get("acr"), said.get("amr")
    event = _event(kept)
    return replace(
        event,
        auth_time=int(auth_time.timestamp()) if isinstance(auth_time, datetime) else event.auth_time,
        acr=str(acr or event.acr),
        amr=event.amr if amr is None else tuple(map(str, amr)),
    )


def kept_event(session: SessionBase, user: Any) -> AuthenticationEvent | None:
    """The stored event of a session; None if event_of() might return more, or would have to write."""
    kept = session.get(SESSION_KEY)
    if not kept or kept.get("user") != str(user.pk) or conf.AUTHENTICATION_EVENT():
        return None
    return _event(kept)


def _is_of_a_browser(request: HttpRequest | None) -> bool:
    # A session that a test or a script makes belongs to no browser, and no user has signed in.
    return request is not None and request.method is not None


def _context_of(request: HttpRequest | None) -> RequestContext:
    context = signals.current_request()
    if context.endpoint or request is None:
        return context
    # On pages that are not ours (the admin, the host project) only this request knows the address.
    return RequestContext(address=address_of(request.META))


def sid_of(request: HttpRequest) -> UUID | None:
    """Id of the sign-in of a request's session, or None."""
    kept = request.session.get(SESSION_KEY) if hasattr(request, "session") else None
    return UUID(kept["sid"]) if kept else None


def sign_in_lifetime() -> timedelta:
    """Time that a SignIn row is kept: longer than its session, and than tokens that were issued at its end."""
    session = timedelta(seconds=min(settings.SESSION_COOKIE_AGE, LONGEST_LIFETIME.total_seconds()))
    return session + (conf.REFRESH_TOKEN_LIFETIME() or conf.NEVER) + timedelta(days=1)


def _keep(
    request: HttpRequest, user: Any, *, sid: str, auth_time: datetime, acr: str, amr: Any, is_renewed: bool = False
) -> None:
    request.session[SESSION_KEY] = {
        "sid": sid,
        "user": str(user.pk),
        "id": secrets.token_hex(8),
        "auth_time": int(auth_time.astimezone(UTC).timestamp()),
        "acr": acr,
        "amr": list(amr),
    }
    SignIn.objects.begin(
        UUID(sid),
        user_id=user.pk,
        auth_time=auth_time,
        acr=acr,
        amr=amr,
        is_renewed=is_renewed,
        purge_at=timezone.now() + sign_in_lifetime(),
    )


def _event(kept: Mapping[str, Any]) -> AuthenticationEvent:
    return AuthenticationEvent(
        auth_time=kept["auth_time"],
        acr=str(kept["acr"]),
        amr=tuple(map(str, kept["amr"])),
        sid=kept["sid"],
        id=kept["id"],
    )


def _said_by_the_project(request: HttpRequest) -> Mapping[str, Any]:
    if not conf.AUTHENTICATION_EVENT():
        return {}
    said: object = conf.function_of(conf.AUTHENTICATION_EVENT)(request)
    if not isinstance(said, Mapping):
        raise ImproperlyConfigured("OAUTH_SERVICE_AUTHENTICATION_EVENT must return a dict.")
    auth_time = said.get("auth_time")
    if auth_time is not None and (not isinstance(auth_time, datetime) or auth_time.tzinfo is None):
        raise ImproperlyConfigured("OAUTH_SERVICE_AUTHENTICATION_EVENT: auth_time must be an aware datetime.")
    return said
