"""Renewal of a connection's tokens by one request at a time; the others use its result."""

import contextlib
import time
from datetime import timedelta

from django.utils import timezone

from prescription_manager_app.models import Connection
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.outcomes import FailedError, Outcome

# Longer than a request to the server takes, so a claim only expires if a process was killed. The next request uses the
# same refresh token again, and the server answers a retry with the same successor.
CLAIM_LIFETIME = timedelta(seconds=20)
POLL_SECONDS = 0.05


def renew(connection: Connection, server: AuthorizationServer) -> Connection:
    """
    Return the connection with newer tokens than it came with.

    Raises:
        FailedError: CONNECTION_ENDED if the tokens can no longer be renewed (the row is deleted), otherwise the
        reason why
            the server did not answer.
    """
    seen = connection.version
    deadline = time.monotonic() + CLAIM_LIFETIME.total_seconds()
    while time.monotonic() < deadline:
        current = connection.reread()
        if current is None:
            raise FailedError(Outcome.CONNECTION_ENDED, "ended by another request")
        if current.version != seen:
            return current
        now = timezone.now()
        if Connection.objects.claim_renewal(current, until=now + CLAIM_LIFETIME, now=now):
            return _renew_claimed(current, server)
        time.sleep(POLL_SECONDS)
    raise FailedError(Outcome.SERVER_TIMEOUT, "another request is still renewing the tokens")


def _renew_claimed(connection: Connection, server: AuthorizationServer) -> Connection:
    try:
        refresh_token = connection.tokens.refresh_token
        if not refresh_token:
            raise FailedError(Outcome.CONNECTION_ENDED, "no refresh token")
        tokens = server.refresh(refresh_token, now=timezone.now())
    except FailedError as failure:
        if failure.outcome is Outcome.CONNECTION_ENDED:
            connection.delete()
        else:
            Connection.objects.give_up_renewal(connection)
        raise
    Connection.objects.store_renewal(connection, tokens)
    current = connection.reread()
    if current is None:  # logged out while the server answered: the new tokens must not outlive that
        with contextlib.suppress(FailedError):
            server.revoke(tokens.refresh_token or tokens.access_token)
        raise FailedError(Outcome.CONNECTION_ENDED, "signed out meanwhile")
    return current
