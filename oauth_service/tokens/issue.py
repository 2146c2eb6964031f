"""The one place where codes and tokens are made."""

import uuid
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from .. import conf
from ..models import AuthorizationCode, ClientRow
from ..protocol import scope as scopes
from ..protocol import sealed
from ..protocol.authorization_request import AuthorizationRequest
from ..protocol.reply_to import ReplyTo
from ..protocol.token_response import TokenResponse


class Sealing(Protocol):
    """A grant, or the code that it takes the place of: they have the same id, secret and scope."""

    @property
    def pk(self) -> UUID: ...
    @property
    def secret(self) -> bytes: ...
    @property
    def scope(self) -> str: ...


def code(consent_id: UUID, request: AuthorizationRequest, reply_to: ReplyTo, *, now: datetime) -> str:
    """
    Make an authorization code for a request that the user allowed.

    Returns:
        the code, SPL__ and 66 characters.
    """
    code_id, secret = AuthorizationCode.objects.give(
        consent_id=consent_id,
        scope=request.scope,
        redirect_uri=reply_to.sent_redirect_uri,
        code_challenge=request.code_challenge,
        expires_at=now + conf.AUTHORIZATION_CODE_LIFETIME(),
    )
    return _seal(sealed.AuthorizationCode(code_id=code_id), secret)


def tokens(grant: Sealing, client: ClientRow, *, generation: int, scope: str, now: datetime) -> TokenResponse:
    """
    Make the tokens of a grant.

    Args:
        generation: of the refresh token.
        scope: of the access token; the refresh token always has the whole of the grant's (RFC 6749 section 6).
    """
    lifetime = conf.ACCESS_TOKEN_LIFETIME()
    access_token = sealed.AccessToken(
        grant_id=grant.pk,
        token_id=uuid.uuid4(),
        expires_at=int((now + lifetime).timestamp()),
        scope="" if scope == grant.scope else scope,
    )
    refresh_token = sealed.RefreshToken(grant_id=grant.pk, generation=generation)
    return TokenResponse(
        access_token=_seal(access_token, grant.secret),
        expires_in=int(lifetime.total_seconds()),
        refresh_token=_seal(refresh_token, grant.secret) if client.may_use("refresh_token") else "",
        scope=scope,
    )


def grant_lifetime(client: ClientRow) -> timedelta:
    """How long a grant lives from its last refresh; only as long as its access token if it cannot be refreshed."""
    return conf.REFRESH_TOKEN_LIFETIME() if client.may_use("refresh_token") else conf.ACCESS_TOKEN_LIFETIME()


def current_scope(granted: str, client: ClientRow) -> str:
    """What is left of a scope: what was taken from the client since is no longer given."""
    return scopes.intersection(granted, client.scope)


def _seal(payload: sealed.Payload, secret: bytes) -> str:
    return sealed.seal(payload, conf.token_keys()[0], secret)
