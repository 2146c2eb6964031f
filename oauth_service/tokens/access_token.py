"""Access tokens as they are used: who a token speaks for, proven and alive (RFC 6750)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from .. import conf
from ..models import Client, ClientRow, Grant
from ..protocol import lifecycle, sealed
from ..protocol import scope as scopes
from ..protocol.errors import InvalidToken
from ..protocol.openid import Context
from ..protocol.sealed import AccessToken, Unverified
from ..protocol.secret import Secret
from . import issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """
    What an access token stands for, proven and alive.

    user is None, and grant_id too, if the token is a client's own (RFC 6749 section 4.4). scope is what this token may do now;
    expires_at is aware. audience has the identifiers of the resources that it is for, none if it was asked for without any
    (RFC 8707). openid has the sign-in that it came from, if OpenID Connect or a certain sign-in was asked for.
    """

    user: AbstractBaseUser | None
    client: ClientRow = field(repr=False)
    client_id: str
    scope: frozenset[str]
    grant_id: UUID | None
    token_id: UUID
    expires_at: datetime
    audience: frozenset[str] = frozenset()
    openid: Context | None = field(default=None, repr=False)

    @property
    def source(self) -> str:
        """What it hangs on, for the log."""
        return f"grant {self.grant_id}" if self.grant_id else f"client {self.client_id}"


def verify(text: Secret, *, now: datetime) -> Bearer:
    """
    Hold an access token against its grant, user and client, or its client alone: one statement.

    Args:
        text: of the token, wherever the request had it.

    Raises:
        InvalidToken: malformed, not genuine, expired, revoked, or its grant, user or client is not alive.
    """
    try:
        unverified = sealed.read(AccessToken, text.reveal())
        verify_one = _verify_own if unverified.payload.is_own else _verify_granted
        return verify_one(unverified, now=now)
    except sealed.Unproven as cause:
        raise InvalidToken("the access token is not valid", detail=cause.detail) from cause


def _verify_granted(unverified: Unverified[AccessToken], *, now: datetime) -> Bearer:
    grant = Grant.objects.in_use(unverified.row_id, token_id=unverified.payload.token_id)
    if grant is None:
        raise InvalidToken("the access token is not valid", detail=f"grant {unverified.row_id}: unknown or ended")
    token = unverified.verify(conf.token_keys(), grant.secret)
    _refuse_ended(token, f"grant {grant.pk}", is_revoked=grant.token_is_revoked, now=now)
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
        audience=frozenset(token.audience),
        openid=Context.load(grant.openid),
    )


def _verify_own(unverified: Unverified[AccessToken], *, now: datetime) -> Bearer:
    found = Client.objects.in_use(unverified.row_id, token_id=unverified.payload.token_id)
    if found is None or not (secret := found.client.sealing_secret):
        raise InvalidToken(
            "the access token is not valid", detail=f"client number {unverified.row_id.int}: unknown, or has no tokens"
        )
    client = found.client
    token = unverified.verify(conf.token_keys(), secret)
    _refuse_ended(token, f"client {client.client_id}", is_revoked=found.token_is_revoked, now=now)
    if not client.is_active:
        raise InvalidToken("the access token is not valid", detail=f"client {client.client_id} was deactivated")
    if client.is_public or not client.may_use("client_credentials"):
        raise InvalidToken(
            "the access token is not valid", detail=f"client {client.client_id} may not have tokens of its own any more"
        )
    return Bearer(
        user=None,
        client=client,
        client_id=client.client_id,
        scope=frozenset(scopes.intersection(token.scope, client.own_scope).split()),
        grant_id=None,
        token_id=token.token_id,
        expires_at=datetime.fromtimestamp(token.expires_at, UTC),
        audience=frozenset(token.audience),
    )


def _refuse_ended(token: AccessToken, source: str, *, is_revoked: bool, now: datetime) -> None:
    if token.expires_at <= now.timestamp():
        raise InvalidToken("the access token expired", detail=f"{source}: expired at {token.expires_at}")
    if is_revoked:
        raise InvalidToken("the access token is not valid", detail=f"{source}: token {token.token_id} was revoked")
