"""The ways to get tokens (RFC 6749 section 1.3): the one table."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from ..models import ClientRow
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.token_response import TokenResponse
from ..tokens.presented import Presented
from . import authorization_code, client_credentials, device_code, jwt_bearer, refresh_token, token_exchange


class GrantType(Protocol):
    """What a module of this package has."""

    DESCRIPTION: GrantTypeDescription

    def present(self, parameters: Parameters, /) -> Presented[Any, Any]:
        """Read what the request presents, and with it its client; decide nothing."""
        ...

    def exchange(
        self, presented: Any, parameters: Parameters, client: ClientRow, /, *, issuer: str, now: datetime
    ) -> TokenResponse:
        """
        Hold a token request of an authenticated client against the rules of its grant type, and answer it.

        Args:
            issuer: of this server; "" without OpenID Connect, unless its DESCRIPTION says that it needs it.
        """
        ...


GRANT_TYPES: Mapping[str, GrantType] = {
    module.DESCRIPTION.name: module
    for module in (authorization_code, refresh_token, client_credentials, device_code, jwt_bearer, token_exchange)
}


def offered() -> Mapping[str, GrantType]:
    """Those that this server has now."""
    return {name: each for name, each in GRANT_TYPES.items() if each.DESCRIPTION.is_on()}


def named(name: str) -> GrantType | None:
    """The grant type of this name; None if this server does not have it now."""
    found = GRANT_TYPES.get(name)
    return found if found and found.DESCRIPTION.is_on() else None


def fault_of_names(names: str) -> str:
    """Why a client cannot have these grant types, separated by spaces; "" if it can."""
    chosen, known = names.split(), offered()
    if unknown := [name for name in chosen if name not in known]:
        return f"This server has no {', '.join(unknown)}: choose of {', '.join(known)}."
    if chosen and all(GRANT_TYPES[name].DESCRIPTION.renews for name in chosen):
        return f"{' '.join(chosen)} only renews what another grant type gave: choose one more."
    return ""
