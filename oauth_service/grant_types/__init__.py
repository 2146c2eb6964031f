"""Grant types, the ways to get tokens (RFC 6749 section 1.3): the only table of them."""

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
    """The interface of the modules in this package."""

    DESCRIPTION: GrantTypeDescription

    def present(self, parameters: Parameters, /) -> Presented[Any, Any]:
        """Read what the request presents, and the client that it was issued to, without checking anything."""
        ...

    def exchange(
        self, presented: Any, parameters: Parameters, client: ClientRow, /, *, issuer: str, now: datetime
    ) -> TokenResponse:
        """
        Check a token request of an authenticated client by the rules of the grant type, and answer it.

        Args:
            issuer: of this server; "" without OpenID Connect, unless DESCRIPTION.needs_issuer is set.
        """
        ...


GRANT_TYPES: Mapping[str, GrantType] = {
    module.DESCRIPTION.name: module
    for module in (authorization_code, refresh_token, client_credentials, device_code, jwt_bearer, token_exchange)
}


def offered() -> Mapping[str, GrantType]:
    """Return the grant types that are switched on."""
    return {name: each for name, each in GRANT_TYPES.items() if each.DESCRIPTION.is_on()}


def named(name: str) -> GrantType | None:
    """Return a grant type by its name; None if it is unknown or switched off."""
    found = GRANT_TYPES.get(name)
    return found if found and found.DESCRIPTION.is_on() else None


def fault_of_names(names: str) -> str:
    """Say why a client cannot have these grant types, separated by spaces; return "" if it can."""
    chosen, known = names.split(), offered()
    if unknown := [name for name in chosen if name not in known]:
        if off := next((GRANT_TYPES[name].DESCRIPTION for name in unknown if name in GRANT_TYPES), None):
            return f"{off.name} is switched off. It needs {off.switch}."
        return f"This server does not have the grant type {', '.join(unknown)}. Choose from {', '.join(known)}."
    if chosen and all(GRANT_TYPES[name].DESCRIPTION.renews for name in chosen):
        return f"{' '.join(chosen)} only renews what another grant type gave: choose one more."
    return ""
