"""Token introspection (RFC 7662). It takes one or two SQL statements and changes nothing."""

from collections.abc import Collection, Sequence
from datetime import datetime

from .. import conf
from ..models import ClientRow, Grant
from ..protocol import introspection, lifecycle, sealed, subject, token_exchange, token_id
from ..protocol import scope as scopes
from ..protocol.errors import InvalidToken
from ..protocol.grant_type import REFRESH_TOKEN
from ..protocol.introspection import INACTIVE
from ..protocol.openid import Context
from ..protocol.secret import Secret
from . import access_token, issue
from .resources import still_open

# A client with one of these scopes can read the username at /userinfo/ anyway.
_SCOPES_OF_USERNAME = frozenset({"user", "profile"})


def introspect(text: Secret, asker: ClientRow, *, issuer: str, now: datetime) -> dict[str, object]:
    """
    Describe a token to a client.

    Args:
        text: an access token or a refresh token; its prefix tells which.
        asker: authenticated.

    Returns:
        the members of the response: only `active`, false, unless the token is valid and the client may know about it
        (section 2.2).
    """
    if text.reveal().startswith(sealed.RefreshToken.prefix):
        return _refresh_token(text, asker, issuer=issuer, now=now)
    return _access_token(text, asker, issuer=issuer, now=now)


def _access_token(text: Secret, asker: ClientRow, *, issuer: str, now: datetime) -> dict[str, object]:
    try:
        bearer = access_token.verify(text, issuer=issuer, now=now)
    except InvalidToken:
        return INACTIVE
    audience = _known_audience(bearer.audience, asker, clients=(bearer.client, *bearer.earlier_clients))
    if audience is None:
        return INACTIVE
    # A pairwise client must not learn the username, which identifies the user at other clients.
    is_named = bool(bearer.scope & _SCOPES_OF_USERNAME) and bearer.client.subject_type != "pairwise"
    event = bearer.openid.event if bearer.openid else None
    return introspection.active(
        client_id=bearer.client_id,
        scope=" ".join(sorted(bearer.scope)),
        sub=_subject(bearer.user.pk, bearer.client) if bearer.user else bearer.client_id,
        iss=issuer,
        username=bearer.user.get_username() if bearer.user and is_named else "",
        token_type="Bearer",
        exp=int(bearer.expires_at.timestamp()),
        iat=token_id.issued_at(bearer.token_id),
        aud=audience,
        jti=_jti(text, bearer),
        auth_time=event.auth_time if event else None,
        acr=event.acr if event else "",
        act=token_exchange.act_claim(bearer.act),
    )


def _refresh_token(text: Secret, asker: ClientRow, *, issuer: str, now: datetime) -> dict[str, object]:
    try:
        unverified = sealed.read(sealed.RefreshToken, text.reveal())
        if (grant := Grant.objects.row(unverified.row_id)) is None:
            return INACTIVE
        token = unverified.verify(conf.token_keys(), grant.secret)
    except sealed.Unproven:
        return INACTIVE
    client = grant.client
    # APIs are told about access tokens only: one that checks just `active` would accept a refresh token as an access token.
    if asker.client_id != client.client_id:
        return INACTIVE
    # A rotated refresh token is inactive. Asking about it is not a use of it, so it is no sign of theft.
    if token.generation != grant.generation or not client.may_use("refresh_token"):
        return INACTIVE
    ends_at = lifecycle.no_later(grant.expires_at, grant.consent_ends_at)
    if whole := issue.connection_lifetime(client):
        ends_at = min(ends_at, grant.created_at + whole)
    scope = issue.current_scope(grant.scope, client, by=REFRESH_TOKEN)
    if lifecycle.fault_of(grant, now=now) or ends_at <= now or not scope:
        return INACTIVE
    audience = _known_audience(grant.resources.split(), asker, clients=(client,))
    if audience is None:
        return INACTIVE
    context = Context.load(grant.openid)
    has_end = ends_at - now < conf.NEVER / 2
    return introspection.active(
        client_id=client.client_id,
        scope=scopes.expanded(scope, conf.implied_scopes()),
        sub=_subject(grant.user_id, client),
        iss=issuer,
        exp=int(ends_at.timestamp()) if has_end else None,
        iat=int(grant.refreshed_at.timestamp()),
        aud=audience,
        auth_time=context.event.auth_time if context else None,
        acr=context.event.acr if context else "",
    )


def _known_audience(named: Collection[str], asker: ClientRow, *, clients: Sequence[ClientRow]) -> frozenset[str] | None:
    """
    Return the resources that a token is for now; None if the asker may not know about the token, or no resource is left.

    Args:
        named: identifiers in the token, or of its grant; if there are any, they cost one SQL statement for each client.
        clients: the client that the token was issued to, then the clients that it came from.
    """
    # A token that was requested without a resource is for the server's own, if it has one.
    audience = frozenset(named or filter(None, [conf.RESOURCE()]))
    if named and not (audience := still_open(audience, *clients)):
        return None
    own = asker.introspection_resource_list
    may_ask = introspection.may_ask(
        asker=asker.client_id, issued_to=clients[0].client_id, audience=audience, own_resources=own
    )
    return audience if may_ask else None


def _jti(text: Secret, bearer: access_token.Bearer) -> str:
    if not access_token.is_jwt(text.reveal()):
        return str(bearer.token_id)
    from . import jwt_access_token  # a project without OpenID Connect never comes here

    return jwt_access_token.jti_of(text.reveal())


def _subject(user_id: object, client: ClientRow) -> str:
    return subject.subject_of(user_id, client, pairwise_key=conf.pairwise_key())
