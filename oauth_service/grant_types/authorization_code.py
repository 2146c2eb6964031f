"""grant_type=authorization_code (RFC 6749 section 4.1.3)."""

from datetime import datetime
from typing import NoReturn

from django.db import transaction

from .. import conf, issue, signals
from ..models import AuthorizationCode, Client, Grant
from ..protocol import lifecycle, sealed
from ..protocol.authorization_code import check_possession
from ..protocol.errors import InvalidGrant
from ..protocol.parameters import Parameters
from ..protocol.sealed import Claim
from ..protocol.token_response import TokenResponse


def exchange(parameters: Parameters, client: Client, *, now: datetime) -> TokenResponse:
    """
    Redeem a code for the first tokens of a grant.

    Args:
        parameters: code, redirect_uri, code_verifier.
        client: authenticated.

    Raises:
        InvalidGrant, Unproven: not genuine, another client's, expired, or used before. A request that proves possession
            of a used code ends what its first use made (RFC 6749 section 4.1.2); one that proves less changes nothing.
        InvalidRequest: a parameter is missing.
    """
    claim = sealed.read(sealed.AuthorizationCode, parameters.require("code"))

    code = AuthorizationCode.objects.facts(claim.row_id)
    if code is None:
        _refuse_replay(claim, parameters, client)
    claim.prove(conf.token_keys(), bytes(code.secret))
    check_possession(code, parameters, client_pk=client.pk)
    if fault := lifecycle.fault_of(code, now=now):
        raise InvalidGrant("the code is not valid", detail=f"code {code.pk}: {fault}")
    if not (scope := issue.scope_now(code.scope, client)):
        raise InvalidGrant("the code is not valid", detail=f"code {code.pk}: the client may have none of its scope now")

    with transaction.atomic():
        grant = _redeem(code, client, now=now)
    if grant is None:
        _refuse_replay(claim, parameters, client)
    signals.announce(
        signals.token_issued, user_id=code.user_id, client_id=client.client_id, scope=scope, grant_id=grant.pk
    )
    return issue.tokens(grant, client, generation=0, scope=scope, now=now)


def _redeem(code: AuthorizationCode, client: Client, *, now: datetime) -> Grant | None:
    if not AuthorizationCode.objects.redeem(code.pk):
        return None
    return Grant.objects.from_code(code, now=now, expires_at=now + issue.grant_lifetime(client))


def _refuse_replay(claim: Claim[sealed.AuthorizationCode], parameters: Parameters, client: Client) -> NoReturn:
    grant = Grant.objects.facts(claim.row_id)
    if grant is None:
        raise InvalidGrant("the code is not valid", detail=f"code {claim.row_id}: unknown, expired or its grant ended")
    # Possession before punishment: a stranger who holds a stolen code must not be able to end the owner's session.
    claim.prove(conf.token_keys(), bytes(grant.secret))
    check_possession(grant, parameters, client_pk=client.pk)
    if Grant.objects.end(grant.pk):
        signals.announce(signals.code_replayed, user_id=grant.user_id, client_id=client.client_id, grant_id=grant.pk)
    raise InvalidGrant("the code was already used", detail=f"code {grant.pk} replayed: its grant was ended")
