"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from .errors import InvalidRequest
from .parameters import Parameters

CARRIED = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "logout_hint")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessionRequest:
    """
    A client's request to sign its user out.

    client_id is "" if the request names no client. hint has the claims of a verified id_token_hint, and is empty without one.
    """

    client_id: str
    post_logout_redirect_uri: str
    state: str
    hint: Mapping[str, object]

    @classmethod
    def parse(cls, parameters: Parameters, hint: Mapping[str, object]) -> "EndSessionRequest":
        """
        Read a request (section 2).

        Args:
            hint: claims of the verified id_token_hint; empty without one.

        Raises:
            InvalidRequest: a parameter is repeated, or client_id and id_token_hint name different clients.
        """
        parameters.refuse_repeats()
        client_id, audience = parameters.get("client_id"), str(hint.get("aud", ""))
        if client_id and audience and client_id != audience:
            # "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token"
            raise InvalidRequest("client_id is not the one that the id_token_hint was issued to")
        return cls(
            client_id=client_id or audience,
            post_logout_redirect_uri=parameters.get("post_logout_redirect_uri"),
            state=parameters.get("state"),
            hint=hint,
        )

    def redirect_url(self, registered: tuple[str, ...]) -> str:
        """
        Return the URL to redirect to after the sign-out; "" for none.

        Args:
            registered: post-logout redirect URIs of the client.

        Raises:
            InvalidRequest: post_logout_redirect_uri is not exactly one of them (section 3).
        """
        uri = self.post_logout_redirect_uri
        if not uri or not self.client_id:
            return ""
        if uri not in registered:
            raise InvalidRequest("post_logout_redirect_uri is not registered for this client")
        if not self.state:
            return uri
        separator = "&" if "?" in uri else "?"
        return f"{uri}{separator}{urlencode({'state': self.state})}"

    def proves(self, *, subject: str, sid: str) -> bool:
        """Tell whether the hint names exactly this browser's session, so that the user need not be asked (section 2)."""
        return bool(self.hint) and self.hint.get("sub") == subject and self.hint.get("sid") == sid
