"""grant_type=authorization_code (RFC 6749 section 4.1.3)."""

from datetime import datetime
from typing import NoReturn, cast

from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from .. import conf, signals
from ..models import AuthorisationRow, AuthorizationCode, ClientRow, Grant
from ..protocol import lifecycle, sealed
from ..protocol.authorization_code import check_possession
from ..protocol.errors import InvalidGrant, InvalidTarget
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.sealed import Unverified
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import PresentedToken
from ..tokens.presented import present as present_kind
from ..tokens.resources import of_grant

DESCRIPTION = GrantTypeDescription(
    name="authorization_code",
    clause="RFC 6749 section 4.1.3",
    meaning=cast("str", _("a user signs in and allows the client (RFC 6749 section 4.1)")),
    required=("code",),
    optional=("redirect_uri", "code_verifier", "resource"),
)


def present(parameters: Parameters) -> PresentedToken[sealed.AuthorizationCode]:
    """Read the code of a request and its row, without checking anything."""
    return present_kind(sealed.AuthorizationCode, parameters, "code", AuthorizationCode.objects.row)


def exchange(
    presented: PresentedToken[sealed.AuthorizationCode],
    parameters: Parameters,
    client: ClientRow,
    *,
    issuer: str,
    now: datetime,
) -> TokenResponse:
    """
    Redeem a code for the first tokens of a grant.

    Args:
        parameters: code, redirect_uri, code_verifier; resource, any number of times, for fewer than the request named.
        client: authenticated.
        issuer: of ID tokens; "" without OpenID Connect.

    Raises:
        InvalidGrant, Unproven: not genuine, another client's, expired, or already used. If the request proves possession of
            a used code, the grant that its first use made is ended (RFC 6749 section 4.1.2); otherwise nothing changes.
        InvalidRequest: a parameter is missing.
        InvalidTarget: a resource that was not shown, or none is left; the code stays valid.
    """
    unverified = presented.unverified
    code = presented.row
    if code is None:
        _refuse_replay(unverified, parameters, client)
    unverified.verify(conf.token_keys(), code.secret)
    check_possession(code, parameters, client_pk=client.pk)
    if fault := lifecycle.fault_of(code, now=now):
        raise InvalidGrant("the code is not valid", detail=f"code {code.pk}: {fault}")
    if not (scope := issue.current_scope(code.scope, client, by=DESCRIPTION.name)):
        raise InvalidGrant(
            "the code is not valid", detail=f"code {code.pk}: the client may no longer have any of its scope"
        )
    resources = of_grant(code.resources, parameters, client)
    if not (scope := resources.within(scope)):
        raise InvalidTarget("nothing of the scope belongs to the resource", detail=f"code {code.pk}")

    ends_at = issue.end_of_grant(client, created_at=now, now=now)
    response = issue.tokens(
        code, client, generation=0, scope=scope, ends_at=ends_at, issuer=issuer, now=now, resources=resources
    )
    if not Grant.objects.redeem(code, now=now, expires_at=ends_at):
        _refuse_replay(unverified, parameters, client)
    _announce(signals.token_issued, code, client, scope=scope, grant_type=DESCRIPTION.name)
    return response


def _refuse_replay(
    unverified: Unverified[sealed.AuthorizationCode], parameters: Parameters, client: ClientRow
) -> NoReturn:
    grant = Grant.objects.row(unverified.row_id)
    if grant is None:
        raise InvalidGrant(
            "the code is not valid", detail=f"code {unverified.row_id}: unknown, expired or its grant ended"
        )
    # Possession before punishment: a stranger who holds a stolen code must not be able to end the owner's session.
    unverified.verify(conf.token_keys(), grant.secret)
    check_possession(grant, parameters, client_pk=client.pk)
    if Grant.objects.end(grant.pk):
        _announce(signals.code_replayed, grant, client)
    raise InvalidGrant("the code was already used", detail=f"code {grant.pk} replayed: its grant was ended")


def _announce(event: Signal, grant: AuthorisationRow, client: ClientRow, **facts: str) -> None:
    signals.announce(event, user_id=grant.user_id, client_id=client.client_id, **facts, grant_id=grant.pk)
