"""Visits: pages with prescriptions first confirm with the server, by the access token, who the patient is."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from prescription_manager_app import sessions
from prescription_manager_app.conf import registration
from prescription_manager_app.models import Connection, Patient
from prescription_manager_app.oauth import AuthorizationServer, Profile
from prescription_manager_app.outcome_page import outcome_page
from prescription_manager_app.outcomes import AccessTokenRefusedError, FailedError, Outcome
from prescription_manager_app.recording import observer
from prescription_manager_app.renewal import renew
from prescription_manager_app.sealing import UnreadableError

logger = logging.getLogger(__name__)

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A patient whose connection the server has just confirmed."""

    patient: Patient
    name: str


def server_for(request: HttpRequest) -> AuthorizationServer:
    """The authorization server; while DEBUG is on, its messages are recorded for this browser session."""
    return AuthorizationServer(registration=registration(), observe=observer(request))


def connection_of(request: HttpRequest) -> Connection | None:
    """
    This session's connection.

    If two tabs connect at the same moment, each gets a session, and the browser keeps the last cookie. Only the newest
    connection is kept. So a session whose own connection was replaced uses the newest.
    """
    pk = sessions.connection_id(request.session)
    if pk is None:
        return None
    known = Connection.objects.known_as(pk).first()
    return known or Connection.objects.of_visitor(sessions.visitor_id(request.session)).first()


def visit_of(request: HttpRequest) -> Visit | None:
    """
    The current visit; None if nobody is connected.

    Raises:
        FailedError: there is a connection, and it has ended or could not be confirmed.
    """
    pk = sessions.connection_id(request.session)
    if pk is None:
        return None
    try:
        return _visit_by(connection_of(request), request)
    except FailedError as failure:
        logger.warning("connection %s could not be used: %s", pk, failure.detail)
        if failure.outcome is Outcome.CONNECTION_ENDED:
            sessions.end(request.session)
        raise


def _visit_by(connection: Connection | None, request: HttpRequest) -> Visit:
    if connection is None:
        raise FailedError(Outcome.CONNECTION_ENDED, "no such connection")
    try:
        profile = _confirm(connection, server_for(request))
    except FailedError as failure:
        newest = connection_of(request) if failure.outcome is Outcome.CONNECTION_ENDED else None
        if newest is None or newest.pk == connection.pk:
            raise
        # Another tab has connected in the meantime and revoked this connection: go on with the new one.
        return _visit_by(newest, request)
    return Visit(patient=connection.patient, name=profile.name)


def connected(
    view: Callable[Concatenate[HttpRequest, Visit, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Decorator that passes a confirmed visit to a view; without one, it redirects or shows the outcome instead."""

    @functools.wraps(view)
    def confirmed(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            visit = visit_of(request)
        except FailedError as failure:
            # The form of a failed POST is gone, so its address cannot be offered for a retry.
            retry_url = request.path if request.method == "GET" else ""
            return outcome_page(request, failure.outcome, retry_url=retry_url)
        return redirect("home") if visit is None else view(request, visit, *args, **kwargs)

    return confirmed


def _confirm(connection: Connection, server: AuthorizationServer) -> Profile:
    """Ask the server for the profile of the tokens' owner; renew the tokens once if they expire soon or are refused."""
    try:
        renewed = connection.is_expired(now=timezone.now())
        current = renew(connection, server) if renewed else connection
        try:
            profile = server.userinfo(current.tokens.access_token)
        except AccessTokenRefusedError:
            if renewed:
                raise
            profile = server.userinfo(renew(current, server).tokens.access_token)
    except (AccessTokenRefusedError, UnreadableError) as error:
        connection.delete()
        raise FailedError(Outcome.CONNECTION_ENDED, "tokens refused or unreadable") from error
    if profile.sub != connection.patient.sub:
        raise FailedError(Outcome.MALFORMED_ANSWER, "userinfo about somebody else")
    return profile
