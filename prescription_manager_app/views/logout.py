"""POST /logout/ -- Steps 8 A and 9: revoke the access, then end the session in any case (RFC 7009)."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from prescription_manager_app import sessions
from prescription_manager_app.models import Connection, SignOut
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.outcomes import FailedError, Outcome
from prescription_manager_app.recording import recorded
from prescription_manager_app.sealing import UnreadableError
from prescription_manager_app.visits import connection_of, server_for
from prescription_manager_app.waiting import wait_for

logger = logging.getLogger(__name__)


@require_POST
@recorded(step=8)
def logout(request: HttpRequest) -> HttpResponse:
    """Revoke both tokens, and tell Alice if the server did not confirm it."""
    connection = connection_of(request)
    ended = None if connection is None else SignOut.objects.begin(connection, now=timezone.now())
    if ended is None:
        confirmed = _confirmed_to_another(request, connection)
    else:
        confirmed = _revoked(ended, server_for(request))
        SignOut.objects.finish(ended, confirmed=confirmed)
    sessions.end(request.session)
    return redirect("outcome", slug=(Outcome.SIGNED_OUT if confirmed else Outcome.SIGNED_OUT_HERE_ONLY).slug)


def _confirmed_to_another(request: HttpRequest, connection: Connection | None) -> bool:
    """True if the request that logged out first got a confirmation of the revocation, or if there was none."""
    pk = str(connection.pk) if connection is not None else sessions.connection_id(request.session)
    first = None if pk is None else SignOut.objects.of(pk)
    if first is None:
        return True
    ended = wait_for(lambda: current if (current := first.reread()) and current.confirmed is not None else None)
    return ended is not None and bool(ended.confirmed)


def _revoked(connection: Connection, server: AuthorizationServer) -> bool:
    """Revoke the access token, as the guide does, and then the refresh token, which could be exchanged for others."""
    try:
        tokens = connection.tokens
        for token in filter(None, (tokens.access_token, tokens.refresh_token)):
            server.revoke(token)
    except (FailedError, UnreadableError) as failure:
        logger.warning("connection %s was not revoked: %s", connection.pk, failure)
        return False
    return True
