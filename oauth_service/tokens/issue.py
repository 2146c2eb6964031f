"""The one place where codes and tokens are made."""

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
        context: of OpenID Connect, None without.

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
    Make the tokens of a grant, before it is stored or rotated: a key that cannot sign must cost the client nothing.

    Args:
        row: the grant, or the code that it takes the place of: they have the same id, secret and scope.
        generation: of the refresh token; 0 for the first.
        ends_at: when the grant ends unless it is refreshed; its access token ends no later, nor later than its consent.
        scope: of the access token; the refresh token always has the whole of the grant's (RFC 6749 section 6).
        issuer: of an ID token, or of an access token that is a JWT; "" without OpenID Connect.
        resources: that the access token is for.
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
    Make an access token that is the client's own (RFC 6749 section 4.4.3). Nothing is stored: it hangs on the client's row.

    Args:
        scope: of the token, for good; what is taken from the client later is lost to it, what is given is not added.
        resources: that it is for.
        issuer: of a token that is a JWT; "" without OpenID Connect.
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
    """How long an access token of a client is good."""
    return client.access_token_lifetime or conf.ACCESS_TOKEN_LIFETIME()


def grant_lifetime(client: ClientRow) -> timedelta:
    """How long a grant lives from its last refresh; only as long as its access token if it cannot be refreshed."""
    if not client.may_use("refresh_token"):
        return access_token_lifetime(client)
    return client.refresh_token_lifetime or conf.REFRESH_TOKEN_LIFETIME() or conf.NEVER


def connection_lifetime(client: Client | ClientRow) -> timedelta | None:
    """How long a grant lives in all, however often it is refreshed; None for as long as it is refreshed."""
    return client.connection_lifetime or conf.CONNECTION_LIFETIME()


def end_of_grant(client: ClientRow, *, created_at: datetime, now: datetime) -> datetime:
    """When a grant ends unless it is refreshed; connection_lifetime() after it was created at the latest."""
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
    # At a refresh, too (OpenID Connect Core section 12.2), unless the client may not have openid any more.
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
        # An API that verifies it by itself knows nothing of what implies what.
        scope=scopes.expanded(scope, conf.implied_scopes()),
        context=Context.load(row.openid) if row else None,
        issuer=issuer,
        now=now,
    )


def current_scope(granted: str, client: ClientRow, *, by: str = "") -> str:
    """
    What is left of a scope: what was taken from the client since is no longer given.

    Args:
        by: grant type that gives it, which the client may be limited in; "" where a token is used.
    """
    may_have = client.scope_for(by) if by else client.scope
    return scopes.intersection(granted, may_have, implies=conf.implied_scopes())


def _seal(payload: sealed.Payload, secret: bytes) -> str:
    return sealed.seal(payload, conf.token_keys()[0], secret)
