"""grant_type=refresh_token (RFC 6749 section 6, RFC 9700 section 4.14.2)."""

from datetime import datetime
from typing import NoReturn
from uuid import UUID

from .. import conf, issue, signals
from ..models import Client, Grant
from ..protocol import lifecycle, sealed
from ..protocol import scope as scopes
from ..protocol.errors import InvalidGrant, InvalidScope
from ..protocol.parameters import Parameters
from ..protocol.refresh_token import Verdict, judge
from ..protocol.token_response import TokenResponse


def exchange(parameters: Parameters, client: Client, *, now: datetime) -> TokenResponse:
    """
    Renew an access token and rotate the refresh token.

    Args:
        parameters: refresh_token, and scope for an access token with less than was granted.
        client: authenticated.

    Raises:
        InvalidGrant, Unproven: not genuine, another client's, expired, ended, or a replay, which ends the grant.
        InvalidScope: wider than granted.
        InvalidRequest: a parameter is missing.
    """
    claim = sealed.read(sealed.RefreshToken, parameters.require("refresh_token"))

    grant = _facts(claim.row_id)
    token = claim.prove(conf.token_keys(), bytes(grant.secret))
    if grant.client_pk != client.pk:
        raise InvalidGrant("the refresh token is not valid", detail=f"grant {grant.pk} is another client's")
    if fault := lifecycle.fault_of(grant, now=now):
        raise InvalidGrant("the refresh token is not valid", detail=f"grant {grant.pk}: {fault}")
    if not (granted := issue.scope_now(grant.scope, client)):
        raise InvalidScope(
            "nothing is left of the scope", detail=f"grant {grant.pk}: the client may have none of it now"
        )
    scope = scopes.narrowed(parameters.get("scope"), within=granted)

    verdict = _judge(grant, token.generation, now=now)
    if verdict is Verdict.ROTATE and not Grant.objects.rotate(
        grant, now=now, expires_at=now + issue.grant_lifetime(client)
    ):
        # Somebody else with the same token was faster: this is their retry, or the grant has ended.
        grant = _facts(grant.pk)
        verdict = _judge(grant, token.generation, now=now)
    if verdict is Verdict.REPLAY:
        _refuse_replay(grant, client, token.generation)
    if verdict is Verdict.UNISSUED:
        raise InvalidGrant(
            "the refresh token is not valid",
            detail=f"grant {grant.pk}: generation {token.generation} was never issued; was the database set back?",
        )
    event = signals.token_refreshed if verdict is Verdict.ROTATE else signals.refresh_retried
    signals.announce(event, user_id=grant.user_id, client_id=client.client_id, scope=scope, grant_id=grant.pk)
    return issue.tokens(grant, client, generation=token.generation + 1, scope=scope, now=now)


def _facts(grant_id: UUID) -> Grant:
    grant = Grant.objects.facts(grant_id)
    if grant is None:
        raise InvalidGrant("the refresh token is not valid", detail=f"grant {grant_id}: unknown, revoked or expired")
    return grant


def _judge(grant: Grant, generation: int, *, now: datetime) -> Verdict:
    return judge(grant, generation, retry_window=conf.REFRESH_RETRY_WINDOW(), now=now)


def _refuse_replay(grant: Grant, client: Client, generation: int) -> NoReturn:
    if Grant.objects.end(grant.pk):
        signals.announce(signals.refresh_replayed, user_id=grant.user_id, client_id=client.client_id, grant_id=grant.pk)
    raise InvalidGrant(
        "the refresh token was already used",
        detail=f"grant {grant.pk}: generation {generation} replayed, {grant.generation} is current; the grant was ended",
    )
