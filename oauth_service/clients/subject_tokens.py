"""The tokens presented in a token exchange, and the users that they stand for (RFC 8693 section 2.1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from .. import conf
from ..models import ClientRow, Grant, TokenGrant
from ..protocol import lifecycle, sealed, subject
from ..protocol import scope as scopes
from ..protocol.errors import InvalidRequest, InvalidToken
from ..protocol.jwt import InvalidJWT
from ..protocol.sealed import Actor
from ..protocol.secret import Secret
from ..protocol.token_exchange import ACCESS_TOKEN, ID_TOKEN, JWT, Subject
from ..tokens import access_token, issue
from ..tokens.resources import still_open

if TYPE_CHECKING:
    from .issuers import VerifiedJWT


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubjectToken:
    """
    A verified subject token that has not ended.

    Attributes:
        grant: the grant that it belongs to; tokens issued for it will belong to the same grant.
        issued_to: the client that it was issued to.
        parents: ids of this access token and of those that it was made from, the latest first.
    """

    subject: Subject
    grant: TokenGrant
    issued_to: ClientRow
    parents: tuple[UUID, ...]


def subject_of(text: Secret, token_type: str, client: ClientRow, *, issuer: str, now: datetime) -> SubjectToken:
    """
    Return the user that a subject token stands for.

    Args:
        token_type: one of TOKEN_TYPES.
        client: the client that asks, authenticated.
        issuer: of this server; "" without OpenID Connect.

    Raises:
        InvalidRequest: it is not of this type, not genuine, expired, ended, or stands for no user (section 2.2.2).
    """
    if token_type == ACCESS_TOKEN:
        return _subject_of_access_token(text, issuer=issuer, now=now)
    if token_type == ID_TOKEN and conf.is_openid():
        return _subject_of_id_token(text, issuer=issuer, now=now)
    if token_type == JWT and conf.EXCHANGE_USER():
        return _subject_of_jwt(text, client, issuer=issuer, now=now)
    raise InvalidRequest("subject_token_type is not supported")


def actor_of(text: Secret, token_type: str, client: ClientRow, *, issuer: str, now: datetime) -> Actor:
    """
    Return the actor that an actor token of the client names: the client itself, or the user who uses it.

    Args:
        token_type, client, issuer: as for subject_of().

    Raises:
        InvalidRequest: it is not of this type, not genuine, expired, ended, another client's, or was exchanged itself.
    """
    if token_type == ACCESS_TOKEN:
        return _actor_of_access_token(text, client, now=now)
    if token_type == JWT:
        verified = _verified(text, "actor token", client, issuer=issuer, now=now)
        return Actor(sub=verified.subject, iss=verified.issuer.issuer, client_id=client.client_id)
    if token_type == ID_TOKEN and conf.is_openid():
        claims = _claims(text, "actor token", issuer=issuer, now=now)
        if claims.get("aud") != client.client_id:
            raise _not_valid("actor token", f"its aud is not {client.client_id}")
        _grant_of(claims, "actor token", now=now)
        return Actor(sub=str(claims["sub"]), client_id=client.client_id)
    raise InvalidRequest("actor_token_type is not supported")


def _audience_of(named: Collection[str], *clients: ClientRow) -> tuple[str, ...]:
    """
    Return the resources that a subject token is for now.

    Args:
        named: identifiers in the token, or of its grant.
        clients: all clients that the token came through.

    Raises:
        InvalidRequest: none of the named ones is left: a token without a resource would be for something else.
    """
    if not named:
        # A token requested without a resource is for the server's own resource, if it has one.
        return tuple(filter(None, [conf.RESOURCE()]))
    left = still_open(named, *clients)
    if not left:
        raise _not_valid(
            "subject token",
            f"client {clients[0].client_id}: {sorted(named)!r} deleted, not active or no longer for the clients",
        )
    return tuple(each for each in named if each in left)


def _subject_of_access_token(text: Secret, *, issuer: str, now: datetime) -> SubjectToken:
    try:
        unverified = access_token.read(text.reveal(), issuer=issuer, now=now)
        if unverified.payload.is_own:
            # The owner of the token does not matter: no client may become a user.
            raise InvalidRequest(
                "the subject token stands for no user", detail=f"client number {unverified.row_id.int}: its own token"
            )
        found = access_token.verify_granted(unverified, now=now)
    except (InvalidToken, sealed.Unproven) as cause:
        raise _not_valid("subject token", cause.detail) from cause
    token = found.token
    known = Subject(
        client_id=found.client.client_id,
        scope=found.scope,
        audience=_audience_of(token.audience, found.client, *found.earlier_clients),
        expires_at=min(token.expires_at, int(found.grant.ends_at.timestamp())),
        act=token.act,
        is_impersonated=bool(token.client_id) and not token.act,
    )
    parents = (token.token_id, *token.parents)
    return SubjectToken(subject=known, grant=found.grant, issued_to=found.client, parents=parents)


def _subject_of_id_token(text: Secret, *, issuer: str, now: datetime) -> SubjectToken:
    claims = _claims(text, "subject token", issuer=issuer, now=now)
    grant, resources = _grant_of(claims, "subject token", now=now)
    known = Subject(
        client_id=grant.client.client_id,
        scope=issue.current_scope(grant.scope, grant.client),
        audience=_audience_of(resources, grant.client),
        expires_at=min(int(str(claims["exp"])), int(grant.ends_at.timestamp())),
    )
    return SubjectToken(subject=known, grant=grant, issued_to=grant.client, parents=())


def _subject_of_jwt(text: Secret, client: ClientRow, *, issuer: str, now: datetime) -> SubjectToken:
    """
    Return the user that the project's EXCHANGE_USER finds for the JWT of another issuer.

    The user must have a connection with the client that asks.
    """
    name = "subject token"
    verified = _verified(text, name, client, issuer=issuer, now=now)
    claims = verified.claims
    if "act" in claims:
        # Actors of another server are unknown here, and leaving them out would hide who acts.
        raise InvalidRequest("the subject token says who acts at another server", detail=f"of {verified.issuer.issuer}")
    found = Grant.objects.latest_of_user(_user_id_of(verified), client_pk=client.pk, now=now)
    if found is None:
        raise InvalidRequest(
            "the user of the subject token has no connection with this client",
            detail=f"client {client.client_id}, sub {verified.subject[:200]!r} of {verified.issuer.issuer}",
        )
    grant, resources = found
    if fault := lifecycle.fault_of(grant, now=now):
        raise _not_valid(name, f"grant {grant.pk}: {fault}")
    scope = issue.current_scope(grant.scope, grant.client)
    if "scope" in claims:
        said = claims["scope"] if isinstance(claims["scope"], str) else ""
        scope = scopes.intersection(scope, said, implies=conf.implied_scopes())
    known = Subject(
        client_id=grant.client.client_id,
        scope=scope,
        audience=_audience_of(resources, grant.client),
        expires_at=min(int(claims["exp"]), int(grant.ends_at.timestamp())),
        may_act=claims.get("may_act"),
    )
    return SubjectToken(subject=known, grant=grant, issued_to=grant.client, parents=())


def _verified(text: Secret, name: str, client: ClientRow, *, issuer: str, now: datetime) -> "VerifiedJWT":
    from .issuers import verify_issuer_jwt  # imported here: only projects with trusted issuers need it

    if not (audience := issuer or conf.ISSUER()):
        raise _not_valid(name, f"set {conf.ISSUER.name}: without it no JWT can name this server as its audience")
    try:
        return verify_issuer_jwt(text.reveal(), purpose="token-exchange", client=client, audience=audience, now=now)
    except InvalidJWT as cause:
        raise _not_valid(name, cause.detail) from cause


def _user_id_of(verified: "VerifiedJWT") -> Any:
    said = conf.function_of(conf.EXCHANGE_USER)(dict(verified.claims))
    if said is not None and (not isinstance(said, get_user_model()) or said.pk is None):
        raise ImproperlyConfigured(f"{conf.EXCHANGE_USER.name} must return a user of this project, or None.")
    if said is None:
        raise _not_valid(
            "subject token", f"the project finds no user for sub {verified.subject[:200]!r} of {verified.issuer.issuer}"
        )
    return said.pk


def _actor_of_access_token(text: Secret, client: ClientRow, *, now: datetime) -> Actor:
    try:
        bearer = access_token.verify(text, now=now)
    except InvalidToken as cause:
        raise _not_valid("actor token", cause.detail) from cause
    if bearer.client_id != client.client_id:
        raise _not_valid("actor token", f"it was issued to {bearer.client_id}, not {client.client_id}")
    if bearer.app_client_id:
        raise InvalidRequest("the actor token was exchanged itself: who acts is not who it names")
    if bearer.user is None:
        return Actor(sub=client.client_id, client_id=client.client_id)
    sub = subject.subject_of(bearer.user.pk, client, pairwise_key=conf.pairwise_key())
    return Actor(sub=sub, client_id=client.client_id)


def _claims(text: Secret, name: str, *, issuer: str, now: datetime) -> Mapping[str, object]:
    from ..tokens import id_token  # imported here: only projects with OpenID Connect need it

    try:
        claims = id_token.hint(text.reveal(), issuer=issuer, now=now)
    except InvalidRequest as cause:
        raise _not_valid(name, cause.detail) from cause
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int) or expires_at <= now.timestamp():
        raise _not_valid(name, f"expired at {expires_at}")
    return claims


def _grant_of(claims: Mapping[str, object], name: str, *, now: datetime) -> tuple[TokenGrant, tuple[str, ...]]:
    """
    Return the newest grant of an ID token's sign-in; the sign-in, the grant, its user and its client must not have
    ended.
    """
    sid, client_id = str(claims.get("sid", "")), str(claims.get("aud", ""))
    try:
        found = Grant.objects.latest_of_sign_in(UUID(sid), client_id=client_id)
    except ValueError:
        found = None
    if found is None:
        raise _not_valid(name, f"no connection of sign-in {sid[:50]} and client {client_id[:100]}")
    grant, resources = found
    if fault := lifecycle.fault_of(grant, now=now):
        raise _not_valid(name, f"grant {grant.pk}: {fault}")
    if grant.sign_in_ended_at:  # with offline_access a grant outlives the sign-in, but the ID token does not
        raise _not_valid(name, f"grant {grant.pk}: the user signed out")
    if claims["sub"] != subject.subject_of(grant.user.pk, grant.client, pairwise_key=conf.pairwise_key()):
        raise _not_valid(name, f"grant {grant.pk}: its sub is another user's")
    return grant, resources


def _not_valid(name: str, detail: str) -> InvalidRequest:
    # "If either the subject_token or actor_token are invalid for any reason [...] The value of the error parameter MUST be
    # the invalid_request error code" (section 2.2.2).
    return InvalidRequest(f"the {name} is not valid", detail=detail)
