"""GET, POST /oauth/logout/ -- the end_session_endpoint (OpenID Connect RP-Initiated Logout 1.0)."""

from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect, requires_csrf_token

from .. import conf
from ..models import Client
from ..people import authentication
from ..people.logout import FRAMES_ATTRIBUTE
from ..protocol import end_session as protocol
from ..protocol import subject
from ..protocol.end_session import EndSessionRequest
from ..protocol.errors import InvalidLogoutRequest, InvalidRequest, ServerError
from ..protocol.parameters import Parameters
from ..web.pages import page_endpoint, protect_page, render_page
from ..web.redirects import to_verified
from ..web.requests import ProgramRequest, body_parameters, query_parameters
from ..web.signed_out import signed_out_page


@csrf_exempt  # a client may send the request by POST from anywhere; _confirmed checks the user's answer
@requires_csrf_token
@page_endpoint("GET", "POST", keeps_opener=True)
def end_session(request: HttpRequest) -> HttpResponse:
    """
    Sign a user out at a client's request; 404 if this server is no OpenID Provider.

    The user is not asked if the id_token_hint names the session of this browser. An invalid request gets a page, never
    a redirect.
    """
    if not conf.is_openid():
        return render_page(request, "missing", {}, status=404)
    parameters = body_parameters(ProgramRequest.of(request)) if request.method == "POST" else query_parameters(request)
    try:
        asked, client = _read(request, parameters)
        onward = asked.redirect_url(tuple(client.post_logout_redirect_uris.split()) if client else ())
    except InvalidRequest as cause:
        raise InvalidLogoutRequest(cause.description, detail=cause.detail) from cause
    if request.method == "POST" and "logout" in parameters:
        return _confirmed(request, client, onward)
    if request.user.is_authenticated and not _is_proven(request, asked, client):
        return _ask(request, parameters, client)
    return _sign_out(request, client, onward)


def _read(request: HttpRequest, parameters: Parameters) -> tuple[EndSessionRequest, Client | None]:
    hint: Any = {}
    if text := parameters.get("id_token_hint"):
        from ..tokens import id_token  # loads the cryptography

        hint = id_token.hint(text, issuer=conf.issuer_of(request), now=timezone.now())
    asked = EndSessionRequest.parse(parameters, hint)
    client = Client.objects.filter(client_id=asked.client_id, is_active=True).first() if asked.client_id else None
    return asked, client


def _is_proven(request: HttpRequest, asked: EndSessionRequest, client: Client | None) -> bool:
    sid = authentication.sid_of(request)
    if client is None or sid is None:
        return False
    try:
        sub = subject.subject_of(request.user.pk, client, pairwise_key=conf.pairwise_key())
    except ServerError:
        return False  # the user can still confirm
    return asked.proves(subject=sub, sid=sid.hex)


def _ask(request: HttpRequest, parameters: Parameters, client: Client | None) -> HttpResponse:
    carried = [(name, value) for name in protocol.CARRIED if (value := parameters.get(name))]
    context = {"client": client, "parameters": carried, "action": request.path}
    response = render_page(request, "end_session", context)
    protect_page(response, leads_on=True)
    return response


@csrf_protect
def _confirmed(request: HttpRequest, client: Client | None, onward: str) -> HttpResponse:
    return _sign_out(request, client, onward)


def _sign_out(request: HttpRequest, client: Client | None, onward: str) -> HttpResponse:
    logout(request)
    frames: list[str] = getattr(request, FRAMES_ATTRIBUTE, [])
    if not frames and onward:
        return to_verified(onward)
    return signed_out_page(request, frames=frames, onward=onward, client=client)
