"""GET /callback -- Step 3 arrives, Steps 4 to 6 follow (RFC 6749 sections 4.1.2 to 4.1.4)."""

import contextlib
import logging
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET

from prescription_manager_app import sessions
from prescription_manager_app.models import Connection, Patient
from prescription_manager_app.models.connection import Tokens
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.outcomes import AccessTokenRefusedError, FailedError, Outcome, failure_of
from prescription_manager_app.recording import recorded
from prescription_manager_app.samples import give_samples
from prescription_manager_app.sealing import UnreadableError
from prescription_manager_app.visits import server_for

logger = logging.getLogger(__name__)


@require_GET
@recorded(step=3)
def callback(request: HttpRequest) -> HttpResponse:
    """Take the server's answer; every end of it is a redirect, which takes the code out of the address bar."""
    try:
        _connect(request, server_for(request), now=timezone.now())
    except FailedError as failure:
        logger.warning("not connected: %s", failure.detail)
        return redirect("outcome", slug=failure.outcome.slug)
    return redirect("home")


def _connect(request: HttpRequest, server: AuthorizationServer, *, now: datetime) -> None:
    # state first: nothing else of an answer that this browser did not ask for may be looked at, let alone used.
    begun = sessions.take_authorization(request.session, _one(request, "state"))
    if begun is None:
        raise FailedError(Outcome.STATE_MISMATCH, "state is not of this session")
    # RFC 9207 section 2.4: compared before code and error are; our server always sends it, so that none is wrong too.
    if _one(request, "iss") != server.registration.issuer:
        raise FailedError(Outcome.ISSUER_MISMATCH, "iss is not our server")
    if "error" in request.GET:
        raise failure_of(_one(request, "error"))
    code = _one(request, "code")
    if not code:
        raise FailedError(Outcome.MALFORMED_ANSWER, "neither code nor error")
    tokens = server.exchange(code=code, code_verifier=begun.code_verifier, now=now)
    try:
        profile = server.userinfo(tokens.access_token)
    except (AccessTokenRefusedError, FailedError) as error:
        _give_back(server, tokens)
        if isinstance(error, FailedError):
            raise
        raise FailedError(Outcome.MALFORMED_ANSWER, "a new access token was refused") from error
    patient, created = Patient.objects.get_or_create(
        issuer=server.registration.issuer, sub=profile.sub, defaults={"first_connected_at": now}
    )
    if created and settings.DEBUG:
        give_samples(patient, now=now)
    _end_earlier(request, server)
    connection = Connection.objects.open(patient, tokens, now=now)
    sessions.connect(request.session, str(connection.pk))


def _end_earlier(request: HttpRequest, server: AuthorizationServer) -> None:
    """Give back a connection that another tab has made meanwhile; a session has one."""
    earlier = Connection.objects.known_as(sessions.connection_id(request.session)).close()
    if earlier is not None:
        with contextlib.suppress(UnreadableError):
            _give_back(server, earlier.tokens)


def _give_back(server: AuthorizationServer, tokens: Tokens) -> None:
    with contextlib.suppress(FailedError):
        server.revoke(tokens.refresh_token or tokens.access_token)


def _one(request: HttpRequest, name: str) -> str:
    """The parameter, "" if it is missing or sent more than once (RFC 6749 section 3.1)."""
    values = request.GET.getlist(name)
    return values[0] if len(values) == 1 else ""
