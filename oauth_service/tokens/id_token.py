"""ID tokens: made for a code or a grant, and read again as hints (OpenID Connect Core 1.0 sections 2 and 3.1.2.1)."""

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
    The ID token that goes with an access token.

    Args:
        row: the code or grant.
        is_first: whether it answers the authorization request; at a refresh there is no nonce.
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
    The claims of an ID token that was issued here; it may have expired (section 3.1.2.1, RP-Initiated Logout section 2).

    Raises:
        InvalidRequest: not a token of ours.
    """
    try:
        # make() writes it into every ID token; access tokens and logout tokens, which the same keys sign, have another.
        claims = keys.verify(text, typ="JWT", now=now)
    except InvalidJWT as cause:
        raise InvalidRequest("id_token_hint is not an ID token of this server", detail=cause.detail) from cause
    # Of what has that type only an ID token has an at_hash: an answer of the userinfo endpoint has none.
    if claims.get("iss") != issuer or not isinstance(claims.get("sub"), str) or "at_hash" not in claims:
        raise InvalidRequest("id_token_hint is not an ID token of this server", detail="iss, sub or at_hash is wrong")
    return claims


def subject_of_hint(text: str, *, issuer: str, client_id: str, now: datetime) -> str:
    """
    The sub of an id_token_hint.

    Raises:
        InvalidRequest: not a token of ours, or another client's: that one's sub may be pairwise.
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
