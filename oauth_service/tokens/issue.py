"""The only place where codes and tokens are made."""

from datetime import datetime, timedelta
from uuid import UUID

from .. import conf
from ..models import AuthorisationRow, AuthorizationCode, Client, ClientRow, ResourceRow
from ..protocol import lifecycle, sealed, subject, token_id
from ..protocol import scope as scopes
from ..protocol.authorization_request import AuthorizationRequest
from ..protocol.openid import Context
from ..protocol.reply_to import ReplyTo
from ..protocol.secret import Secret
from ..protocol.token_response import TokenResponse
from .resources import NONE, Resources


def code(
    consent_id: UUID, request: AuthorizationRequest, reply_to: ReplyTo, *, context: Context | None, now: datetime
) -> str:
    """
    Make an authorization code for a request that the user allowed.

    Args:
        context: for OpenID Connect; None without.

    Returns:
        the code, SPL__ and 66 characters.
    """
    code_id, secret = AuthorizationCode.objects.give(
        consent_id=consent_id,
        scope=request.scope,
        redirect_uri=reply_to.sent_redirect_uri,
        code_challenge=request.code_challenge,
        openid=context.dump() if context else "",
        sign_in_id=UUID(context.event.sid) if context and request.is_openid else None,
        resources=" ".join(request.resources),
        expires_at=now + conf.AUTHORIZATION_CODE_LIFETIME(),
    )
    return _seal(sealed.AuthorizationCode(code_id=code_id), secret)


def tokens(
    row: AuthorisationRow,
    client: ClientRow,
    *,
    generation: int,
    scope: str,
    ends_at: datetime,
    issuer: str,
    now: datetime,
    resources: Resources = NONE,
) -> TokenResponse:
    """
    Make the tokens of a grant before it is stored or rotated, so that the client loses nothing if no key can sign.

    Args:
        row: the grant, or the code that it replaces, which has the same id, secret and scope.
        generation: of the refresh token; 0 for the first.
        ends_at: end of the grant unless it is refreshed; the access token ends no later than this, or than the consent.
        scope: of the access token; the refresh token always keeps the whole scope of the grant (RFC 6749 section 6).
        issuer: for an ID token or a JWT access token; "" without OpenID Connect.
        resources: that the access token is for.

    Raises:
        TemporarilyUnavailable: no key can sign.
    """
    longest = lifecycle.no_later(ends_at, row.consent_ends_at) - now
    lifetime = min(resources.lifetime(client) or conf.ACCESS_TOKEN_LIFETIME(), longest)
    payload = sealed.AccessToken(
        row_id=row.pk,
        token_id=token_id.new(now=now),
        expires_at=int((now + lifetime).timestamp()),
        scope="" if scope == row.scope else scope,
        audience=resources.audience,
    )
    if resources.jwt:
        access_token = _jwt(payload, row.secret, client, resources.jwt, scope=scope, row=row, issuer=issuer, now=now)
    else:
        access_token = _seal(payload, row.secret)
    refresh_token = sealed.RefreshToken(grant_id=row.pk, generation=generation)
    return TokenResponse(
        access_token=Secret(access_token),
        expires_in=int(lifetime.total_seconds()),
        refresh_token=Secret(_seal(refresh_token, row.secret) if client.may_use("refresh_token") else ""),
        scope=scope,
        id_token=Secret(
            _id_token(row, client, access_token, is_first=not generation, scope=scope, issuer=issuer, now=now)
        ),
    )


def own_token(
    client: ClientRow, *, scope: str, now: datetime, resources: Resources = NONE, issuer: str = ""
) -> TokenResponse:
    """
    Make a client's own access token (RFC 6749 section 4.4.3). Nothing is stored: the token depends on the client's row.

    Args:
        scope: of the token for its whole life; scope that the client loses later is lost to the token, but it gains none.
        resources: that the token is for.
        issuer: for a JWT; "" without OpenID Connect.
    """
    lifetime = resources.lifetime(client) or conf.ACCESS_TOKEN_LIFETIME()
    payload = sealed.AccessToken(
        row_id=client.row_id,
        token_id=token_id.new(now=now),
        expires_at=int((now + lifetime).timestamp()),
        scope=scope,
        is_own=True,
        audience=resources.audience,
    )
    secret = Client.objects.own_secret(client)
    if resources.jwt:
        access_token = _jwt(payload, secret, client, resources.jwt, scope=scope, row=None, issuer=issuer, now=now)
    else:
        access_token = _seal(payload, secret)
    return TokenResponse(
        access_token=Secret(access_token),
        expires_in=int(lifetime.total_seconds()),
        refresh_token=Secret(""),  # "A refresh token SHOULD NOT be included."
        scope=scope,
    )


def access_token_lifetime(client: Client | ClientRow) -> timedelta:
    """Return the lifetime of a client's access tokens."""
    return client.access_token_lifetime or conf.ACCESS_TOKEN_LIFETIME()


def grant_lifetime(client: ClientRow) -> timedelta:
    """Return how long a grant lives after its last refresh; as long as its access token if it cannot be refreshed."""
    if not client.may_use("refresh_token"):
        return access_token_lifetime(client)
    return client.refresh_token_lifetime or conf.REFRESH_TOKEN_LIFETIME() or conf.NEVER


def connection_lifetime(client: Client | ClientRow) -> timedelta | None:
    """Return how long a grant lives in all, even if it is refreshed; None for no limit."""
    return client.connection_lifetime or conf.CONNECTION_LIFETIME()


def end_of_grant(client: ClientRow, *, created_at: datetime, now: datetime) -> datetime:
    """Return when a grant ends unless it is refreshed, at the latest connection_lifetime() after it was created."""
    end = now + grant_lifetime(client)
    return min(end, created_at + whole) if (whole := connection_lifetime(client)) else end


def _id_token(
    row: AuthorisationRow,
    client: ClientRow,
    access_token: str,
    *,
    is_first: bool,
    scope: str,
    issuer: str,
    now: datetime,
) -> str:
    # A refresh returns one, too (OpenID Connect Core section 12.2), unless the client may no longer have openid.
    if not issuer or not row.openid or "openid" not in scope.split() or not (context := Context.load(row.openid)):
        return ""
    from . import id_token  # a project without OpenID Connect never comes here

    return id_token.make(row, client, context, access_token=access_token, issuer=issuer, is_first=is_first, now=now)


def _jwt(
    payload: sealed.AccessToken,
    secret: bytes,
    client: ClientRow,
    resource: ResourceRow,
    *,
    scope: str,
    row: AuthorisationRow | None,
    issuer: str,
    now: datetime,
) -> str:
    from . import jwt_access_token  # a project without OpenID Connect never comes here

    return jwt_access_token.make(
        payload,
        secret,
        resource=resource,
        client=client,
        subject=subject.subject_of(row.user_id, client, pairwise_key=conf.pairwise_key()) if row else client.client_id,
        # An API that verifies the JWT by itself does not know which scopes imply others.
        scope=scopes.expanded(scope, conf.implied_scopes()),
        context=Context.load(row.openid) if row else None,
        issuer=issuer,
        now=now,
    )


def current_scope(granted: str, client: ClientRow, *, by: str = "") -> str:
    """
    Return the part of a scope that the client may still have.

    Args:
        by: grant type that gives the scope, which may be limited for the client; "" when a token is used.
    """
    may_have = client.scope_for(by) if by else client.scope
    return scopes.intersection(granted, may_have, implies=conf.implied_scopes())


def _seal(payload: sealed.Payload, secret: bytes) -> str:
    return sealed.seal(payload, conf.token_keys()[0], secret)
