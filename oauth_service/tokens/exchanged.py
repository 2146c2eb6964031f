"""Exchanged access tokens (RFC 8693): making them, and checking that all clients may still exchange them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from .. import conf
from ..models import Client, ClientRow, ResourceRow, TokenGrant
from ..protocol import sealed, subject, token_exchange, token_id
from ..protocol.errors import InvalidRequest, InvalidToken
from ..protocol.sealed import AccessToken
from ..protocol.secret import Secret
from ..protocol.token_exchange import Exchange, scope_left
from ..protocol.token_response import TokenResponse
from .resources import Resources

__all__ = ["clients_of", "make", "scope_left"]


def clients_of(token: AccessToken, grant: TokenGrant) -> tuple[ClientRow, ...]:
    """
    Return the clients that exchanged a token, the last one first. This takes one SQL statement.

    Raises:
        InvalidToken: a client is deactivated or may no longer exchange, or a token that this one came from was revoked.
    """
    names = token_exchange.clients_of(token.client_id, token.act)
    found, is_revoked = Client.objects.acting(names, token_ids=token.parents)
    fault = token_exchange.fault_of_clients(grant.client, found, names, is_delegation=bool(token.act))
    if not fault and is_revoked:
        fault = "a token that it was exchanged from was revoked"
    if fault:
        raise InvalidToken("the access token is not valid", detail=f"grant {grant.pk}, token {token.token_id}: {fault}")
    return tuple(found[name] for name in names)


def make(
    exchange: Exchange,
    grant: TokenGrant,
    client: ClientRow,
    resources: Resources,
    *,
    parents: Sequence[UUID],
    issuer: str,
    now: datetime,
) -> TokenResponse:
    """
    Make the access token of an exchange. Nothing is stored: the token depends on the grant of its subject token.

    Args:
        client: receives the token.
        resources: already looked up; only those in the exchange's audience are used.
        parents: ids of the access tokens that it comes from, the last one first.
        issuer: for a JWT; "" without OpenID Connect.

    Raises:
        InvalidRequest: the token would be too long to be read again.
        TemporarilyUnavailable: no key can sign.
    """
    token = AccessToken(
        row_id=grant.pk,
        token_id=token_id.new(now=now),
        expires_at=int(now.timestamp()) + exchange.lifetime,
        scope=" ".join(exchange.scope),
        audience=exchange.audience,
        client_id=exchange.client_id,
        act=exchange.act,
        parents=tuple(parents),
    )
    resource = Resources(rows=tuple(row for row in resources.rows if row.identifier in exchange.audience)).jwt
    try:
        if resource and exchange.audience == (resource.identifier,):
            text = _jwt(token, grant, client, resource, issuer=issuer, now=now)
        else:
            text = sealed.seal(token, conf.token_keys()[0], grant.secret)
    except ValueError as cause:
        raise InvalidRequest("the new token would be too long", detail=str(cause)) from cause
    return TokenResponse(
        access_token=Secret(text),
        expires_in=exchange.lifetime,
        refresh_token=Secret(""),  # "typically not issued": it would outlive the subject token (section 2.2.1)
        scope=" ".join(exchange.scope),
        issued_token_type=token_exchange.ACCESS_TOKEN,
    )


def _jwt(
    token: AccessToken, grant: TokenGrant, client: ClientRow, resource: ResourceRow, *, issuer: str, now: datetime
) -> str:
    from . import jwt_access_token  # a project without OpenID Connect never comes here

    return jwt_access_token.make(
        token,
        grant.secret,
        resource=resource,
        client=client,
        subject=subject.subject_of(grant.user.pk, client, pairwise_key=conf.pairwise_key()),
        scope=token.scope,
        context=None,  # the sign-in was requested by the app, not by the client that acts through it
        issuer=issuer,
        now=now,
    )
