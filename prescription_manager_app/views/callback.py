"""GET /callback -- Step 3 arrives, Steps 4 to 6 follow (RFC 6749 sections 4.1.2 to 4.1.4)."""

import contextlib
import logging
import uuid
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET

from prescription_manager_app import sessions
from prescription_manager_app.models import Authorization, Connection, Patient
from prescription_manager_app.models.authorization import digest_of
from prescription_manager_app.models.connection import Tokens
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.outcomes import AccessTokenRefusedError, FailedError, Outcome, failure_of
from prescription_manager_app.recording import recorded
from prescription_manager_app.samples import give_samples
from prescription_manager_app.sealing import UnreadableError
from prescription_manager_app.visits import connection_of, server_for
from prescription_manager_app.waiting import wait_for

logger = logging.getLogger(__name__)


@require_GET
@recorded(step=3)
def callback(request: HttpRequest) -> HttpResponse:
    """Take the server's response and redirect in every case, which takes the code out of the address bar."""
    try:
        connection_id = _connection_id(request, server_for(request), now=timezone.now())
    except FailedError as failure:
        logger.warning("not connected: %s", failure.detail)
        return redirect("outcome", slug=failure.outcome.slug)
    if sessions.connection_id(request.session) != connection_id:
        sessions.connect(request.session, connection_id)
    return redirect("home")


def _connection_id(request: HttpRequest, server: AuthorizationServer, *, now: datetime) -> str:
    """
    Return the id of the connection that the response leads to.

    A response may arrive twice: the page is reloaded, or a proxy or browser repeats the request. Only one request uses
    it: a code that is sent twice ends the connection it made (RFC 6749 section 4.1.2). The other requests wait, and end
    as the first one did.
    """
    # state first: until it matches, nothing else of the response may be looked at, because this browser may not have
    # asked for it.
    visitor = sessions.visitor_id(request.session)
    begun = Authorization.objects.known_as(_one(request, "state"), visitor=visitor, now=now)
    if begun is None:
        raise FailedError(Outcome.STATE_MISMATCH, "state is not of this session")
    answer = request.META.get("QUERY_STRING", "")
    if not Authorization.objects.take(begun, answer=answer, now=now):
        return _as_the_first(request, begun, answer=answer, now=now)
    try:
        connection = _connect(request, begun, server, now=now)
    except FailedError as failure:
        Authorization.objects.finish(begun, outcome=failure.outcome.slug)
        raise
    Authorization.objects.finish(begun, outcome=Authorization.CONNECTED, connection=connection.pk)
    return str(connection.pk)


def _as_the_first(request: HttpRequest, begun: Authorization, *, answer: str, now: datetime) -> str:
    """Wait for the request that uses the response, and end as it does."""

    def ended() -> Authorization | None:
        current = begun.reread()
        if current is None or current.taken_at is None or current.answer_digest != digest_of(answer):
            raise FailedError(Outcome.STATE_MISMATCH, "state was used with another answer")
        return current if current.outcome else None

    first = wait_for(ended)
    if first is None:
        raise FailedError(Outcome.SERVER_TIMEOUT, "another request is still using this answer")
    if first.connection is None:
        raise FailedError(Outcome.of(first.outcome) or Outcome.STATE_MISMATCH, "as the first request with this answer")
    own = connection_of(request)
    if own is not None:
        return str(own.pk)
    is_recent = first.taken_at is not None and now - first.taken_at <= sessions.REPEATED_WITHIN
    if not (is_recent and Connection.objects.filter(pk=first.connection).exists()):
        raise FailedError(Outcome.STATE_MISMATCH, "state was used before")
    return str(first.connection)


def _connect(request: HttpRequest, begun: Authorization, server: AuthorizationServer, *, now: datetime) -> Connection:
    # RFC 9207 section 2.4: compared before code and error. Our server always sends iss, so a missing one is wrong, too.
    if _one(request, "iss") != server.registration.issuer:
        raise FailedError(Outcome.ISSUER_MISMATCH, "iss is not our server")
    if "error" in request.GET:
        raise failure_of(_one(request, "error"))
    code = _one(request, "code")
    if not code:
        raise FailedError(Outcome.MALFORMED_ANSWER, "neither code nor error")
    try:
        code_verifier = begun.code_verifier
    except UnreadableError as error:
        raise FailedError(Outcome.STATE_MISMATCH, "code_verifier cannot be unsealed") from error
    tokens = server.exchange(code=code, code_verifier=code_verifier, now=now)
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
    connection = Connection.objects.open(patient, tokens, visitor=begun.visitor, now=now)
    return _keep_the_newest(connection, begun.visitor, server)


def _keep_the_newest(connection: Connection, visitor: uuid.UUID, server: AuthorizationServer) -> Connection:
    """Revoke connections that other tabs of this browser made. Two at the same moment both keep the same one."""
    newest, *replaced = Connection.objects.of_visitor(visitor) or [connection]
    for other in replaced:
        closed = Connection.objects.filter(pk=other.pk).close()
        if closed is not None:
            with contextlib.suppress(UnreadableError):
                _give_back(server, closed.tokens)
    return newest


def _give_back(server: AuthorizationServer, tokens: Tokens) -> None:
    with contextlib.suppress(FailedError):
        server.revoke(tokens.refresh_token or tokens.access_token)


def _one(request: HttpRequest, name: str) -> str:
    """The parameter; "" if it is missing or sent more than once (RFC 6749 section 3.1)."""
    values = request.GET.getlist(name)
    return values[0] if len(values) == 1 else ""
