"""Access tokens as they are used: who a token speaks for, proven and alive (RFC 6750)."""

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
from . import issue

# How the header of every JWT begins: {"
_JWT = "eyJ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """
    What an access token stands for, proven and alive.

    user is None, and grant_id too, if the token is a client's own (RFC 6749 section 4.4). scope is what this token may do now,
    with all that it implies; expires_at is aware. audience has the identifiers of the resources that it is for, none if it was
    asked for without any (RFC 8707). openid has the sign-in that it came from, if OpenID Connect or a certain
    sign-in was asked for.

    If a service got it by token exchange (RFC 8693), client and client_id are the service's, and app_client_id is that of the app
    that the person allowed, otherwise "". act says who acts for the person, the current one first; () for nobody, and for a
    service that may pass for the person.
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

    @property
    def actor(self) -> Actor | None:
        """Who acts for the person now; None if it is the app that they allowed, or a service that may pass for them."""
        return self.act[0] if self.act else None

    @property
    def is_of_person(self) -> bool:
        """Whether it stands for a user; a client's own does not."""
        return self.user is not None

    @property
    def event(self) -> AuthenticationEvent | None:
        """How the person signed in; None if nothing is known of it."""
        return self.openid.event if self.openid else None

    @property
    def source(self) -> str:
        """What it hangs on, for the log."""
        return f"grant {self.grant_id}" if self.grant_id else f"client {self.client_id}"


def is_jwt(text: str) -> bool:
    """Tell whether a text can be an access token that is a JWT; never without OpenID Connect, as there are no keys then."""
    return text.startswith(_JWT) and conf.is_openid()


def read(text: str, *, issuer: str, now: datetime) -> Unverified[AccessToken]:
    """
    Read an access token of either format, without believing yet that its row is alive.

    Args:
        issuer: of a JWT; "" for OAUTH_SERVICE_ISSUER, or any if that is not set.

    Raises:
        Unproven: it is none.
    """
    if is_jwt(text):
        from . import jwt_access_token  # a project without OpenID Connect never comes here

        return jwt_access_token.read(text, issuer=issuer or conf.ISSUER(), now=now)
    return sealed.read(AccessToken, text)


def verify(text: Secret, *, issuer: str = "", now: datetime) -> Bearer:
    """
    Hold an access token against its grant, user and client, or its client alone: one statement. One more for a token that was
    exchanged, for the clients that exchanged it.

    Args:
        text: of the token, wherever the request had it; opaque or a JWT.
        issuer: as read() takes it.

    Raises:
        InvalidToken: malformed, not genuine, expired, revoked, or its grant, user or client is not alive.
    """
    try:
        unverified = read(text.reveal(), issuer=issuer, now=now)
        verify_one = _verify_own if unverified.payload.is_own else _verify_granted
        return verify_one(unverified, now=now)
    except sealed.Unproven as cause:
        raise InvalidToken("the access token is not valid", detail=cause.detail) from cause


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GrantedToken:
    """
    An access token of a grant, proven and alive.

    Attributes:
        client: that it was issued to: the grant's, or the last that exchanged it.
        scope: what it may do now.
    """

    token: AccessToken
    grant: TokenGrant
    client: ClientRow
    scope: str


def verify_granted(unverified: Unverified[AccessToken], *, now: datetime) -> GrantedToken:
    """
    Hold an access token against its grant, user and client, and against the clients that exchanged it.

    Raises:
        InvalidToken, Unproven: as verify(); also for a client's own.
    """
    grant = Grant.objects.in_use(unverified.row_id, token_id=unverified.payload.token_id)
    if grant is None:
        raise InvalidToken("the access token is not valid", detail=f"grant {unverified.row_id}: unknown or ended")
    token = unverified.verify(conf.token_keys(), grant.secret)
    _refuse_ended(token, f"grant {grant.pk}", is_revoked=grant.token_is_revoked, now=now)
    if fault := lifecycle.fault_of(grant, now=now):
        raise InvalidToken("the access token is not valid", detail=f"grant {grant.pk}: {fault}")
    scope = issue.current_scope(token.scope or grant.scope, grant.client)
    if not token.client_id:
        return GrantedToken(token=token, grant=grant, client=grant.client, scope=scope)
    from . import exchanged  # a project without token exchange never comes here

    clients = exchanged.clients_of(token, grant)
    left = exchanged.scope_left(scope, clients, implies=conf.implied_scopes())
    return GrantedToken(token=token, grant=grant, client=clients[0], scope=left)


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
        # It may have been issued before the person chose an end date.
        expires_at=lifecycle.no_later(datetime.fromtimestamp(token.expires_at, UTC), grant.consent_ends_at),
        audience=frozenset(token.audience),
        # What was asked for at the sign-in was asked for by the app, and not by who acts through it.
        openid=None if token.client_id else Context.load(grant.openid),
        app_client_id=grant.client.client_id if token.client_id else "",
        act=token.act,
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


def _refuse_ended(token: AccessToken, source: str, *, is_revoked: bool, now: datetime) -> None:
    if token.expires_at <= now.timestamp():
        raise InvalidToken("the access token expired", detail=f"{source}: expired at {token.expires_at}")
    if is_revoked:
        raise InvalidToken("the access token is not valid", detail=f"{source}: token {token.token_id} was revoked")
