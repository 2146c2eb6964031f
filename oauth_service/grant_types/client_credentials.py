"""grant_type=client_credentials (RFC 6749 section 4.4): a client's own access token, without a person."""

from datetime import datetime
from typing import Any, cast

from django.utils.translation import gettext_lazy as _

from .. import conf, signals
from ..models import ClientRow
from ..protocol import resource_indicators
from ..protocol import scope as scopes
from ..protocol.errors import UnauthorizedClient
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import PresentedToken, nothing_presented
from ..tokens.resources import allowed

DESCRIPTION = GrantTypeDescription(
    name="client_credentials",
    clause="RFC 6749 section 4.4.2",
    meaning=cast("str", _("the client acts for itself, without a user (RFC 6749 section 4.4)")),
    required=(),
    optional=("scope", "resource"),
)


def present(parameters: Parameters) -> PresentedToken[Any]:
    """Present nothing: the client's credentials are enough."""
    return nothing_presented()


def exchange(
    presented: PresentedToken[Any], parameters: Parameters, client: ClientRow, *, issuer: str, now: datetime
) -> TokenResponse:
    """
    Give a client an access token of its own. Nothing is written, and there is no refresh token.

    Args:
        parameters: scope, for less than the client may have; resource, any number of times.
        client: authenticated.

    Raises:
        UnauthorizedClient: it is public. "The client credentials grant type MUST only be used by confidential clients."
        InvalidTarget: a resource that it may not ask for.
        InvalidScope: wider than registered, or empty.
    """
    if client.is_public:
        raise UnauthorizedClient("a public client can have no token of its own", detail=f"client {client.client_id}")
    resources = allowed(resource_indicators.requested(parameters), client)
    scope = scopes.requested(
        parameters.get("scope"), allowed=resources.within(client.own_scope), implies=conf.implied_scopes()
    )
    response = issue.own_token(client, scope=scope, now=now, resources=resources, issuer=issuer)
    signals.announce(
        signals.token_issued,
        user_id=None,
        client_id=client.client_id,
        scope=scope,
        grant_type=DESCRIPTION.name,
        grant_id=None,
    )
    return response
