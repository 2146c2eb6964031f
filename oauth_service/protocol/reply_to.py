"""The authorization response (RFC 6749 section 4.1.2, RFC 9207)."""

from typing import Protocol, Self
from urllib.parse import urlencode, urlsplit

from . import redirect_uri
from .errors import OAuthError, UnregisteredRedirect
from .parameters import Parameters

# Ways to return the answer (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, OAuth 2.0 Form Post Response Mode);
# the first one is the default.
RESPONSE_MODES = ("query", "fragment", "form_post")

_SEAL = object()


class RegisteredClient(Protocol):
    """The registration that a redirect_uri is compared with."""

    @property
    def client_id(self) -> str: ...
    @property
    def is_native(self) -> bool: ...
    @property
    def redirect_uri_list(self) -> tuple[str, ...]: ...


class ReplyTo:
    """
    The verified target of the answer to an authorization request: proof that client and redirect_uri were checked.

    Only verify() creates one, and every redirect needs one.
    """

    __slots__ = ("_issuer", "_state", "response_mode", "sent_redirect_uri", "uri")

    def __init__(
        self, seal: object, *, uri: str, sent_redirect_uri: str, state: str, issuer: str, response_mode: str
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("a ReplyTo is made by ReplyTo.verify() alone")
        self.uri = uri
        self.sent_redirect_uri = sent_redirect_uri
        self._state = state
        self._issuer = issuer
        self.response_mode = response_mode

    @classmethod
    def verify(cls, client: RegisteredClient, parameters: Parameters, *, issuer: str) -> Self:
        """
        Check the redirect_uri of a request against those of its client.

        Args:
            client: the client that the client_id of the request names.
            parameters: redirect_uri may be absent if the client has registered exactly one (section 3.1.2.3).
            issuer: sent with every answer as iss (RFC 9207 section 2).

        Raises:
            UnregisteredRedirect: absent, or not identical to a registered one; the browser is not redirected.
            InvalidRequest: repeated.
        """
        sent = parameters.get("redirect_uri")
        registered = client.redirect_uri_list
        if not sent and len(registered) != 1:
            raise UnregisteredRedirect(
                "redirect_uri is missing",
                client_id=client.client_id,
                sent="",
                registered=registered,
                detail=f"client {client.client_id} has {len(registered)} redirect URIs, so the request must name one",
            )
        uri = sent or registered[0]
        if not redirect_uri.match(uri, registered, is_native=client.is_native):
            raise UnregisteredRedirect(
                "redirect_uri is not registered for this client",
                client_id=client.client_id,
                sent=uri,
                registered=registered,
                detail=f"client {client.client_id}: {redirect_uri.difference(uri, registered)}",
            )
        state = "" if parameters.is_repeated("state") else parameters.get("state")
        mode = "" if parameters.is_repeated("response_mode") else parameters.get("response_mode")
        # An unsupported response_mode is an error that has to reach the client, too: by the default.
        mode = mode if mode in RESPONSE_MODES else RESPONSE_MODES[0]
        return cls(_SEAL, uri=uri, sent_redirect_uri=sent, state=state, issuer=issuer, response_mode=mode)

    def with_code(self, code: str) -> str:
        """Return the URL that takes the code to the client (RFC 6749 section 4.1.2)."""
        return self.url_with(self.members_with_code(code))

    def with_error(self, error: OAuthError) -> str:
        """Return the URL that takes a refusal to the client (RFC 6749 section 4.1.2.1)."""
        return self.url_with(self.members_with_error(error))

    def members_with_code(self, code: str) -> dict[str, str]:
        """Return the parameters of an answer with a code."""
        return self._members({"code": code})

    def members_with_error(self, error: OAuthError) -> dict[str, str]:
        """Return the parameters of a refusal (RFC 6749 section 4.1.2.1)."""
        return self._members({"error": error.error, "error_description": error.description})

    def url_with(self, members: dict[str, str]) -> str:
        """Return the URL with an answer in its query, or in its fragment if the request asked for that."""
        if self.response_mode == "fragment":
            return f"{self.uri}#{urlencode(members)}"
        # "The endpoint URI MAY include an [...] query component [...], which MUST be retained" (section 3.1.2).
        separator = "&" if "?" in self.uri else "?"
        return f"{self.uri}{separator}{urlencode(members)}"

    @property
    def scheme(self) -> str:
        """Scheme of the redirect: https, http or a native app's own."""
        return urlsplit(self.uri).scheme

    @property
    def host(self) -> str:
        """Host and port of the website that the browser goes to; "" for an app's own scheme."""
        parts = urlsplit(self.uri)
        return parts.netloc if parts.scheme in ("https", "http") else ""

    def _members(self, answer: dict[str, str]) -> dict[str, str]:
        if self._state:
            answer["state"] = self._state
        return answer | {"iss": self._issuer}

    def __repr__(self) -> str:
        return f"ReplyTo({self.scheme}, {self.host})"
