"""grant_type=urn:ietf:params:oauth:grant-type:token-exchange (RFC 8693)."""

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from .. import conf, signals
from ..clients import subject_tokens
from ..models import ClientRow
from ..protocol import scope as scopes
from ..protocol import token_exchange
from ..protocol.errors import InvalidRequest, InvalidScope
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.token_exchange import Exchange, ExchangeRefused
from ..protocol.token_response import TokenResponse
from ..tokens import exchanged, issue
from ..tokens.presented import PresentedToken, nothing_presented
from ..tokens.resources import allowed

DESCRIPTION = GrantTypeDescription(
    name=token_exchange.GRANT_TYPE,
    clause="RFC 8693 section 2.1",
    meaning=cast("str", _("the client acts for users of another app (RFC 8693)")),
    required=("subject_token", "subject_token_type"),
    optional=("actor_token", "actor_token_type", "requested_token_type", "resource", "audience", "scope"),
    repeatable=frozenset({"resource", "audience"}),
)


def present(parameters: Parameters) -> PresentedToken[Any]:
    """Present nothing yet: the subject token is mostly another client's, and is read after this client is authenticated."""
    return nothing_presented()


def exchange(
    presented: PresentedToken[Any], parameters: Parameters, client: ClientRow, *, issuer: str, now: datetime
) -> TokenResponse:
    """
    Give a service an access token to act on behalf of a user. Nothing is written, and there is no refresh token.

    The new token depends on the same grant as the subject token. Its scope and audience are no wider, and it lives no longer.

    Args:
        parameters: subject_token, actor_token, and scope, resource and audience of the new token.
        client: authenticated.
        issuer: of ID tokens and JWT access tokens; "" without OpenID Connect.

    Raises:
        InvalidRequest: a token is missing, of another type, not valid, or the policy refuses (section 2.2.2).
        UnauthorizedClient: the client may not exchange tokens in this way.
        InvalidTarget, InvalidScope: wider than the subject token, or than this client may have.
    """
    asked = token_exchange.parse(parameters)
    token_exchange.check_permission(client, asked)
    found = subject_tokens.subject_of(asked.subject_token, asked.subject_token_type, client, issuer=issuer, now=now)
    subject = found.subject
    token_exchange.check_subject(subject, found.issued_to, client)
    actor = None
    if asked.is_delegation:
        actor = subject_tokens.actor_of(asked.actor_token, asked.actor_token_type, client, issuer=issuer, now=now)
    token_exchange.check_may_act(subject, actor, client, issuer=issuer or conf.ISSUER())
    act = token_exchange.chain(subject, actor)
    audience = token_exchange.audience(asked.targets, subject)
    # The server's own resource is open to every client; others are only for the clients that they are registered for.
    resources = allowed([each for each in audience if each != conf.RESOURCE()], client)
    may_have = resources.within(issue.current_scope(subject.scope, client, by=DESCRIPTION.name))
    scope = scopes.narrowed(asked.scope, within=may_have, implies=conf.implied_scopes())
    if not scope:
        raise InvalidScope(
            "nothing is left of the scope", detail=f"client {client.client_id} may not have any of {subject.scope!r}"
        )
    longest = resources.lifetime(client) or conf.ACCESS_TOKEN_LIFETIME()
    lifetime = min(int(longest.total_seconds()), subject.expires_at - int(now.timestamp()))
    if lifetime < 1:
        raise InvalidRequest(
            "the subject token is not valid", detail=f"grant {found.grant.pk}: it expires within a second"
        )

    wanted = Exchange(
        client_id=client.client_id,
        subject_client_id=subject.client_id,
        app_client_id=found.grant.client.client_id,
        user_id=found.grant.user.pk,
        subject_token_type=asked.subject_token_type,
        act=act,
        scope=tuple(scope.split()),
        audience=audience,
        lifetime=lifetime,
    )
    decided = _decided(wanted)
    response = exchanged.make(decided, found.grant, client, resources, parents=found.parents, issuer=issuer, now=now)
    signals.announce(
        signals.token_exchanged,
        user_id=decided.user_id,
        client_id=client.client_id,
        scope=response.scope,
        grant_id=found.grant.pk,
        grant_type=DESCRIPTION.name,
        app_client_id=decided.app_client_id,
        reason=f"{'acts for a user' if decided.is_delegation else 'passes for a user'} of {decided.app_client_id}",
    )
    return response


def _decided(wanted: Exchange) -> Exchange:
    """
    Apply the project's policy.

    Raises:
        InvalidRequest: the policy refuses.
        InvalidScope: the policy leaves nothing of the scope.
        ImproperlyConfigured: the policy returned an invalid answer; nothing is issued.
    """
    if not conf.EXCHANGE_POLICY():
        return wanted
    who = f"client {wanted.client_id}, app {wanted.app_client_id}, user {wanted.user_id}"
    try:
        decided: object = conf.function_of(conf.EXCHANGE_POLICY)(wanted)
    except ExchangeRefused as reason:
        # Section 2.2.2: tokens that "are unacceptable based on policy" are an invalid_request, too.
        raise InvalidRequest("the exchange was refused", detail=f"{who}: the policy refused: {reason}") from reason
    if fault := token_exchange.fault_of_policy(decided, wanted):
        raise ImproperlyConfigured(f"{conf.EXCHANGE_POLICY.name}: {fault}.")
    found = cast("Exchange", decided)
    if not found.scope:
        raise InvalidScope("nothing is left of the scope", detail=f"{who}: the policy left no scope")
    # In the requested order, even if the policy changed it.
    return replace(found, scope=tuple(name for name in wanted.scope if name in found.scope))
