"""Making and reading JWT access tokens (RFC 9068)."""

import base64
import json
from datetime import datetime
from typing import Any

from .. import conf
from ..models import ClientRow, ResourceRow
from ..protocol import jwt_access_token, sealed, token_exchange
from ..protocol.jwt import InvalidJWT
from ..protocol.openid import Context
from ..protocol.sealed import AccessToken, JwtId, Unverified
from . import keys


def make(
    payload: AccessToken,
    secret: bytes,
    *,
    resource: ResourceRow,
    client: ClientRow,
    subject: str,
    scope: str,
    context: Context | None,
    issuer: str,
    now: datetime,
) -> str:
    """
    Make the JWT that takes the place of an opaque token.

    Args:
        payload: of that opaque token, for this one resource.
        secret: of the row that it depends on: it seals jti, so that this server refuses the JWT once the row is gone.
        subject: sub.
        scope: all of the token's scope.
        context: of the sign-in; None if nothing is known about it.

    Raises:
        TemporarilyUnavailable: no key can sign.
        ValueError: after many exchanges the token would be too long to be read again.
    """
    named = JwtId(
        row_id=payload.row_id,
        token_id=payload.token_id,
        is_own=payload.is_own,
        is_exchanged=bool(payload.client_id),
        parents=payload.parents,
    )
    jti = sealed.seal(named, conf.token_keys()[0], secret)
    event = context.event if context else None
    members = jwt_access_token.claims(
        issuer=issuer,
        subject=subject,
        client_id=client.client_id,
        audience=resource.identifier,
        scope=scope,
        jti=jti,
        issued_at=int(now.timestamp()),
        expires_at=payload.expires_at,
        auth_time=event.auth_time if event else 0,
        acr=event.acr if event else "",
        amr=event.amr if event else (),
        act=token_exchange.act_claim(payload.act),
    )
    return keys.sign(members, algorithm=resource.signing_alg, typ=jwt_access_token.TYP, now=now)


def read(text: str, *, issuer: str, now: datetime) -> Unverified[AccessToken]:
    """
    Read a JWT and verify its signature, but not whether its row is alive.

    Raises:
        Unproven: not an access token signed by this server, or of another type or issuer.
    """
    try:
        claims: dict[str, Any] = keys.verify(text, typ=jwt_access_token.TYP, now=now)
    except InvalidJWT as cause:
        raise sealed.Unproven("the token is not genuine", detail=cause.detail) from None
    if fault := jwt_access_token.fault_of(claims, issuer=issuer):
        raise sealed.Unproven("the token is not genuine", detail=f"a JWT of ours, but {fault}")
    named = sealed.read(JwtId, claims["jti"])
    try:
        act = token_exchange.read_act(claims.get("act"))
    except ValueError as cause:
        raise sealed.Unproven("the token is not genuine", detail=f"a JWT of ours, but {cause}") from None
    return named.with_payload(
        AccessToken(
            row_id=named.row_id,
            token_id=named.payload.token_id,
            expires_at=claims["exp"],
            scope=claims["scope"],
            is_own=named.payload.is_own,
            audience=(claims["aud"],),
            client_id=claims["client_id"] if named.payload.is_exchanged else "",
            act=act,
            parents=named.payload.parents,
        )
    )


def jti_of(text: str) -> str:
    """Return the jti of a JWT that was verified before."""
    encoded = text.split(".")[1]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return str(members["jti"])
