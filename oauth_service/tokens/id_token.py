"""ID tokens: making them for a code or a grant, and reading them as hints (OpenID Connect Core 1.0 sections 2 and 3.1.2.1)."""

from collections.abc import Mapping
from datetime import datetime

from .. import conf
from ..models import AuthorisationRow, ClientRow
from ..models import user as users
from ..protocol import claims_request, id_token, subject
from ..protocol import scope as scopes
from ..protocol.errors import InvalidRequest
from ..protocol.jwt import InvalidJWT
from ..protocol.openid import Context
from . import keys


def make(
    row: AuthorisationRow,
    client: ClientRow,
    context: Context,
    *,
    access_token: str,
    issuer: str,
    is_first: bool,
    now: datetime,
) -> str:
    """
    Make the ID token that accompanies an access token.

    Args:
        row: the code or grant.
        is_first: True if it answers the authorization request; after a refresh there is no nonce.
    """
    algorithm = client.id_token_signed_response_alg
    members = id_token.claims(
        issuer=issuer,
        subject=subject.subject_of(row.user_id, client, pairwise_key=conf.pairwise_key()),
        client_id=client.client_id,
        context=context,
        access_token=access_token,
        algorithm=algorithm,
        extra=_asked_for(row, client, context),
        is_first=is_first,
        lifetime=conf.ID_TOKEN_LIFETIME(),
        now=now,
    )
    return keys.sign(members, algorithm=algorithm, typ="JWT", now=now)


def hint(text: str, *, issuer: str, now: datetime) -> Mapping[str, object]:
    """
    Return the claims of an ID token of this server; it may have expired (section 3.1.2.1, RP-Initiated Logout section 2).

    Raises:
        InvalidRequest: not an ID token of this server.
    """
    try:
        # make() writes this typ into every ID token; access tokens and logout tokens, signed with the same keys, have others.
        claims = keys.verify(text, typ="JWT", now=now)
    except InvalidJWT as cause:
        raise InvalidRequest("id_token_hint is not an ID token of this server", detail=cause.detail) from cause
    # Signed userinfo responses have this typ, too, but only an ID token has at_hash.
    if claims.get("iss") != issuer or not isinstance(claims.get("sub"), str) or "at_hash" not in claims:
        raise InvalidRequest("id_token_hint is not an ID token of this server", detail="iss, sub or at_hash is wrong")
    return claims


def subject_of_hint(text: str, *, issuer: str, client_id: str, now: datetime) -> str:
    """
    Return the sub of an id_token_hint.

    Raises:
        InvalidRequest: not an ID token of this server, or one of another client, whose sub may be pairwise.
    """
    claims = hint(text, issuer=issuer, now=now)
    if claims.get("aud") != client_id:
        raise InvalidRequest("id_token_hint was issued to another client", detail=f"aud is not {client_id}")
    return str(claims["sub"])


def _asked_for(row: AuthorisationRow, client: ClientRow, context: Context) -> dict[str, object]:
    if not context.id_token or (user := users.by_pk(row.user_id)) is None:
        return {}
    known = conf.claims_function()(user, frozenset(claims_request.CLAIMS_OF_SCOPE))
    return claims_request.answer(context.id_token, known, allowed=scopes.expanded(client.scope, conf.implied_scopes()))
