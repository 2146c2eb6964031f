"""grant_type=authorization_code (RFC 6749 section 4.1.3)."""

from datetime import datetime
from typing import NoReturn

from django.dispatch import Signal

from .. import conf, signals
from ..models import AuthorisationRow, AuthorizationCode, ClientRow, Grant
from ..protocol import lifecycle, sealed
from ..protocol.authorization_code import check_possession
from ..protocol.errors import InvalidGrant
from ..protocol.parameters import Parameters
from ..protocol.sealed import Unverified
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import PresentedToken
from ..tokens.presented import present as present_kind


def present(parameters: Parameters) -> PresentedToken[sealed.AuthorizationCode]:
    """The code of a request and what it was issued for; decides nothing."""
    return present_kind(sealed.AuthorizationCode, parameters.get("code"), AuthorizationCode.objects.row)


def exchange(
    presented: PresentedToken[sealed.AuthorizationCode], parameters: Parameters, client: ClientRow, *, now: datetime
) -> TokenResponse:
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
    claim = presented.claim or sealed.read(sealed.AuthorizationCode, parameters.require("code"))
    code = presented.row
    if code is None:
        _refuse_replay(claim, parameters, client)
    claim.verify(conf.token_keys(), code.secret)
    check_possession(code, parameters, client_pk=client.pk)
    if fault := lifecycle.fault_of(code, now=now):
        raise InvalidGrant("the code is not valid", detail=f"code {code.pk}: {fault}")
    if not (scope := issue.current_scope(code.scope, client)):
        raise InvalidGrant("the code is not valid", detail=f"code {code.pk}: the client may have none of its scope now")

    if not Grant.objects.redeem(code, now=now, expires_at=now + issue.grant_lifetime(client)):
        _refuse_replay(claim, parameters, client)
    _announce(signals.token_issued, code, client, scope=scope)
    return issue.tokens(code, client, generation=0, scope=scope, now=now)


def _refuse_replay(claim: Unverified[sealed.AuthorizationCode], parameters: Parameters, client: ClientRow) -> NoReturn:
    grant = Grant.objects.row(claim.row_id)
    if grant is None:
        raise InvalidGrant("the code is not valid", detail=f"code {claim.row_id}: unknown, expired or its grant ended")
    # Possession before punishment: a stranger who holds a stolen code must not be able to end the owner's session.
    claim.verify(conf.token_keys(), grant.secret)
    check_possession(grant, parameters, client_pk=client.pk)
    if Grant.objects.end(grant.pk):
        _announce(signals.code_replayed, grant, client)
    raise InvalidGrant("the code was already used", detail=f"code {grant.pk} replayed: its grant was ended")


def _announce(event: Signal, grant: AuthorisationRow, client: ClientRow, **facts: str) -> None:
    signals.announce(event, user_id=grant.user_id, client_id=client.client_id, **facts, grant_id=grant.pk)
