"""POST /logout/ -- Steps 8 A and 9: give the access back, then end the session, in any case (RFC 7009)."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from prescription_manager_app import sessions
from prescription_manager_app.models import Connection
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.outcomes import FailedError, Outcome
from prescription_manager_app.recording import recorded
from prescription_manager_app.sealing import UnreadableError
from prescription_manager_app.visits import server_for

logger = logging.getLogger(__name__)


@require_POST
@recorded(step=8)
def logout(request: HttpRequest) -> HttpResponse:
    """Revoke both tokens, and tell Alice honestly if the server did not confirm it."""
    connection = Connection.objects.known_as(sessions.connection_id(request.session)).close()
    confirmed = connection is None or _revoked(connection, server_for(request))
    sessions.end(request.session)
    return redirect("outcome", slug=(Outcome.SIGNED_OUT if confirmed else Outcome.SIGNED_OUT_HERE_ONLY).slug)


def _revoked(connection: Connection, server: AuthorizationServer) -> bool:
    """Revoke the access token, as the guide does, and then the refresh token, which would make others."""
    try:
        tokens = connection.tokens
        for token in filter(None, (tokens.access_token, tokens.refresh_token)):
            server.revoke(token)
    except (FailedError, UnreadableError) as failure:
        logger.warning("connection %s was not revoked: %s", connection.pk, failure)
        return False
    return True
