"""The token response (RFC 6749 section 5.1)."""

from dataclasses import field

from ..values import value_class
from .secret import Secret


@value_class(kw_only=True)
class TokenResponse:
    """
    A successful token response.

    expires_in is in seconds; refresh_token and id_token are empty for none; scope is space-delimited. issued_token_type is
    that of an exchange (RFC 8693 section 2.2.1), "" for none. resource has the identifiers of the resources that the access
    token is for, if the response has to say so (draft-ietf-oauth-identity-assertion-authz-grant-03 section 4.4.1).
    """

    access_token: Secret
    expires_in: int
    refresh_token: Secret
    scope: str
    id_token: Secret = field(default_factory=lambda: Secret(""))
    issued_token_type: str = ""
    resource: tuple[str, ...] = ()

    def members(self) -> dict[str, object]:
        """Return the JSON object, its members in the order of the specification."""
        members: dict[str, object] = {
            "access_token": self.access_token.reveal(),
            **({"issued_token_type": self.issued_token_type} if self.issued_token_type else {}),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if self.refresh_token:
            members["refresh_token"] = self.refresh_token.reveal()
        members["scope"] = self.scope
        if self.resource:
            members["resource"] = self.resource[0] if len(self.resource) == 1 else list(self.resource)
        if self.id_token:
            members["id_token"] = self.id_token.reveal()
        return members
