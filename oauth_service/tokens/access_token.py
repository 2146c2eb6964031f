"""Verifying access tokens when they are used (RFC 6750)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from .. import conf
from ..models import Client, ClientRow, Grant, TokenGrant
from ..protocol import lifecycle, sealed
from ..protocol import scope as scopes
from ..protocol.errors import InvalidToken
from ..protocol.openid import AuthenticationEvent, Context
from ..protocol.sealed import AccessToken, Actor, Unverified
from ..protocol.secret import Secret
from ..values import value_class
from . import issue

# The header of every JWT begins with {"
_JWT = "eyJ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """
    A valid access token: its user, client and permissions.

    user and grant_id are None if the token is a client's own (RFC 6749 section 4.4). scope is everything that the token allows
    now, including implied scopes; expires_at is aware. audience has the identifiers of the resources that the token is for; it
    is empty if the request named none (RFC 8707). openid has the sign-in behind the token, if the request used OpenID Connect
    or required a certain sign-in.

    If a service obtained the token by token exchange (RFC 8693), client and client_id are the service's, and app_client_id is
    that of the app that the user allowed; otherwise app_client_id is "". act lists the parties that act for the user, the
    current one first; it is () without an exchange, and for a service that impersonates the user. earlier_clients are the
    clients that the token came from: earlier services, the last one first, and then the app.
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
    app_client_id: str = ""
    act: tuple[Actor, ...] = ()
    earlier_clients: tuple[ClientRow, ...] = field(default=(), repr=False)

    @property
    def actor(self) -> Actor | None:
        """The party that acts for the user now; None if it is the app that the user allowed, or a service that impersonates."""
        return self.act[0] if self.act else None

    @property
    def represents_user(self) -> bool:
        """True if the token stands for a user; False if it is a client's own."""
        return self.user is not None

    @property
    def event(self) -> AuthenticationEvent | None:
        """The user's sign-in; None if nothing is known about it."""
        return self.openid.event if self.openid else None

    @property
    def source(self) -> str:
        """The grant or client that the token depends on, for the log."""
        return f"grant {self.grant_id}" if self.grant_id else f"client {self.client_id}"


def is_jwt(text: str) -> bool:
    """Tell whether a text may be a JWT access token; never without OpenID Connect, since there are no signing keys then."""
    return text.startswith(_JWT) and conf.is_openid()


def read(text: str, *, issuer: str, now: datetime) -> Unverified[AccessToken]:
    """
    Read an access token of either format, without checking its row.

    Args:
        issuer: required issuer of a JWT; "" for OAUTH_SERVICE_ISSUER, or any issuer if that is not set.

    Raises:
        Unproven: not an access token.
    """
    if is_jwt(text):
        from . import jwt_access_token  # a project without OpenID Connect never comes here

        return jwt_access_token.read(text, issuer=issuer or conf.ISSUER(), now=now)
    return sealed.read(AccessToken, text)


def verify(text: Secret, *, issuer: str = "", now: datetime) -> Bearer:
    """
    Check an access token against its grant, user and client, or against its client alone.

    This takes one SQL statement, and another one for the clients behind an exchanged token.

    Args:
        text: the token, opaque or a JWT, from wherever the request had it.
        issuer: as for read().

    Raises:
        InvalidToken: malformed, not genuine, expired, revoked, or its grant, user or client is not alive.
    """
    try:
        unverified = read(text.reveal(), issuer=issuer, now=now)
        verify_one = _verify_own if unverified.payload.is_own else _verify_granted
        return verify_one(unverified, now=now)
    except sealed.Unproven as cause:
        raise InvalidToken("the access token is not valid", detail=cause.detail) from cause


@value_class(kw_only=True, repr=False)
class GrantedToken:
    """
    A valid access token of a grant.

    Attributes:
        client: the client that has the token: the grant's, or the last one that exchanged it.
        scope: what the token allows now.
        earlier_clients: the clients that an exchanged token came from; the grant's client is the last one.
    """

    token: AccessToken
    grant: TokenGrant
    client: ClientRow
    scope: str
    earlier_clients: tuple[ClientRow, ...] = ()


def verify_granted(unverified: Unverified[AccessToken], *, now: datetime) -> GrantedToken:
    """
    Check an access token against its grant, user and client, and against the clients that exchanged it.

    Raises:
        InvalidToken, Unproven: as verify(); also for a client's own token.
    """
    grant = Grant.objects.of_token(unverified.row_id, token_id=unverified.payload.token_id)
    if grant is None:
        raise InvalidToken("the access token is not valid", detail=f"grant {unverified.row_id}: unknown or ended")
    token = unverified.verify(conf.token_keys(), grant.secret)
    if grant.token_is_revoked or _is_expired(token, now=now):
        raise _ended(token, f"grant {grant.pk}", now=now)
    if fault := lifecycle.fault_of(grant, now=now):
        raise InvalidToken("the access token is not valid", detail=f"grant {grant.pk}: {fault}")
    scope = issue.current_scope(token.scope or grant.scope, grant.client)
    if not token.client_id:
        return GrantedToken(token=token, grant=grant, client=grant.client, scope=scope)
    from . import exchanged  # a project without token exchange never comes here

    clients = exchanged.clients_of(token, grant)
    left = exchanged.scope_left(scope, clients, implies=conf.implied_scopes())
    earlier = (*clients[1:], grant.client)
    return GrantedToken(token=token, grant=grant, client=clients[0], scope=left, earlier_clients=earlier)


def _verify_granted(unverified: Unverified[AccessToken], *, now: datetime) -> Bearer:
    found = verify_granted(unverified, now=now)
    token, grant = found.token, found.grant
    return Bearer(
        user=grant.user,
        client=found.client,
        client_id=found.client.client_id,
        scope=frozenset(scopes.expanded(found.scope, conf.implied_scopes()).split()),
        grant_id=grant.pk,
        token_id=token.token_id,
        # The token may be older than the end date that the user chose.
        expires_at=lifecycle.no_later(datetime.fromtimestamp(token.expires_at, UTC), grant.consent_ends_at),
        audience=frozenset(token.audience),
        # The sign-in was requested by the app, not by the client that acts through it.
        openid=None if token.client_id else Context.load(grant.openid),
        app_client_id=grant.client.client_id if token.client_id else "",
        act=token.act,
        earlier_clients=found.earlier_clients,
    )


def _verify_own(unverified: Unverified[AccessToken], *, now: datetime) -> Bearer:
    found = Client.objects.of_token(unverified.row_id, token_id=unverified.payload.token_id)
    if found is None or not (secret := found.client.sealing_secret):
        raise InvalidToken(
            "the access token is not valid", detail=f"client number {unverified.row_id.int}: unknown, or has no tokens"
        )
    client = found.client
    token = unverified.verify(conf.token_keys(), secret)
    if found.token_is_revoked or _is_expired(token, now=now):
        raise _ended(token, f"client {client.client_id}", now=now)
    if not client.is_active:
        raise InvalidToken("the access token is not valid", detail=f"client {client.client_id} was deactivated")
    if client.is_public or not client.may_use("client_credentials"):
        raise InvalidToken(
            "the access token is not valid", detail=f"client {client.client_id} may not have tokens of its own any more"
        )
    implies = conf.implied_scopes()
    scope = scopes.intersection(token.scope, client.own_scope, implies=implies)
    return Bearer(
        user=None,
        client=client,
        client_id=client.client_id,
        scope=frozenset(scopes.expanded(scope, implies).split()),
        grant_id=None,
        token_id=token.token_id,
        expires_at=datetime.fromtimestamp(token.expires_at, UTC),
        audience=frozenset(token.audience),
    )


def _is_expired(token: AccessToken, *, now: datetime) -> bool:
    return token.expires_at <= now.timestamp()


def _ended(token: AccessToken, source: str, *, now: datetime) -> InvalidToken:
    if _is_expired(token, now=now):
        return InvalidToken("the access token expired", detail=f"{source}: expired at {token.expires_at}")
    return InvalidToken("the access token is not valid", detail=f"{source}: token {token.token_id} was revoked")
