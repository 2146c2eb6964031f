"""Access tokens as they are used: who a token speaks for, proven and alive (RFC 6750)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from .. import conf
from ..models import ClientRow, Grant
from ..protocol import lifecycle, sealed
from ..protocol.errors import InvalidToken
from ..protocol.openid import Context
from ..protocol.secret import Secret
from . import issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """
    What an access token stands for, proven and alive.

    scope is what this token may do now; expires_at is aware. openid has the sign-in that it came from, if OpenID Connect or
    a certain sign-in was asked for.
    """

    user: AbstractBaseUser
    client: ClientRow = field(repr=False)
    client_id: str
    scope: frozenset[str]
    grant_id: UUID
    token_id: UUID
    expires_at: datetime
    openid: Context | None = field(default=None, repr=False)


def verify(text: Secret, *, now: datetime) -> Bearer:
    """
    Hold an access token against its grant, user and client: one statement.

    Args:
        text: of the token, wherever the request had it.

    Raises:
        InvalidToken: malformed, not genuine, expired, revoked, or its grant, user or client is not alive.
    """
    try:
        unverified = sealed.read(sealed.AccessToken, text.reveal())
        grant = Grant.objects.in_use(unverified.row_id, token_id=unverified.payload.token_id)
        if grant is None:
            raise InvalidToken("the access token is not valid", detail=f"grant {unverified.row_id}: unknown or ended")
        token = unverified.verify(conf.token_keys(), grant.secret)
    except sealed.Unproven as cause:
        raise InvalidToken("the access token is not valid", detail=cause.detail) from cause
    if token.expires_at <= now.timestamp():
        raise InvalidToken("the access token expired", detail=f"grant {grant.pk}: expired at {token.expires_at}")
    if grant.token_is_revoked:
        raise InvalidToken(
            "the access token is not valid", detail=f"grant {grant.pk}: token {token.token_id} was revoked"
        )
    if fault := lifecycle.fault_of(grant, now=now):
        raise InvalidToken("the access token is not valid", detail=f"grant {grant.pk}: {fault}")
    return Bearer(
        user=grant.user,
        client=grant.client,
        client_id=grant.client.client_id,
        scope=frozenset(issue.current_scope(token.scope or grant.scope, grant.client).split()),
        grant_id=grant.pk,
        token_id=token.token_id,
        expires_at=datetime.fromtimestamp(token.expires_at, UTC),
        openid=Context.load(grant.openid),
    )
