"""grant_type=client_credentials (RFC 6749 section 4.4): a client's own access token, without a person."""

from datetime import datetime
from typing import Any, cast

from django.utils.translation import gettext_lazy as _

from .. import signals
from ..models import ClientRow
from ..protocol import scope as scopes
from ..protocol.errors import UnauthorizedClient
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import PresentedToken, nothing

DESCRIPTION = GrantTypeDescription(
    name="client_credentials",
    clause="RFC 6749 section 4.4.2",
    meaning=cast("str", _("it acts for itself, without a person (RFC 6749 section 4.4)")),
    required=(),
    optional=("scope",),
)


def present(parameters: Parameters) -> PresentedToken[Any]:
    """Nothing: the client's credentials are all that there is."""
    return nothing()


def exchange(
    presented: PresentedToken[Any], parameters: Parameters, client: ClientRow, *, issuer: str, now: datetime
) -> TokenResponse:
    """
    Give a client an access token of its own. Nothing is written, and there is no refresh token.

    Args:
        parameters: scope, for less than the client may have.
        client: authenticated.

    Raises:
        UnauthorizedClient: it is public. "The client credentials grant type MUST only be used by confidential clients."
        InvalidScope: wider than registered, or nothing at all.
    """
    if client.is_public:
        raise UnauthorizedClient("a public client can have no token of its own", detail=f"client {client.client_id}")
    scope = scopes.requested(parameters.get("scope"), allowed=client.own_scope)
    response = issue.own_token(client, scope=scope, now=now)
    signals.announce(
        signals.token_issued,
        user_id=None,
        client_id=client.client_id,
        scope=scope,
        grant_type=DESCRIPTION.name,
        grant_id=None,
    )
    return response
