"""Parties of the flows without a redirect: services, devices, APIs, and the user they act for."""

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from simulation.script import Fields, Script

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """
    A client that is registered at the server.

    Attributes:
        name: shown on pages.
        client_secret: "" for a public client.
        redirect_uri: "" for a client that needs none.
    """

    client_id: str
    name: str
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = ""
    scope: str = ""

    @property
    def headers(self) -> Fields:
        """HTTP Basic credentials (RFC 6749 section 2.3.1); nothing for a public client."""
        if not self.client_secret:
            return ()
        credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return (("Authorization", f"Basic {b64encode(credentials.encode()).decode()}"),)

    @property
    def fields(self) -> Fields:
        """client_id in the body for a public client; nothing for others."""
        return () if self.client_secret else (("client_id", self.client_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A protected API (RFC 8707): its identifier, its name for users, and its scope with the words that explain it."""

    identifier: str
    name: str
    scope: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """
    All parties of the flows.

    Attributes:
        server_url: the authorization server, which is also its issuer identifier; without a trailing slash.
        service: may get tokens of its own, for both APIs.
        device, other_device: public clients; the user connects them with a code that they show.
        app: uses both APIs for the user, and lets the gateway act through it.
        gateway: acts for users of the app; also gets tokens of its own.
        api_client: asks the server about tokens for `api`.
        api, other_api: the APIs that tokens are for.
    """

    server_url: str
    username: str
    password: str = field(repr=False)
    service: Party
    device: Party
    other_device: Party
    app: Party
    gateway: Party
    api_client: Party
    api: Api
    other_api: Api

    def script(self, party: Party, *, more: Fields = ()) -> Script:
        """
        Messages of one client and of the user in a browser.

        Args:
            more: parameters of the authorization request beyond the guide's.
        """
        return Script(
            server_url=self.server_url,
            client_id=party.client_id,
            client_secret=party.client_secret,
            redirect_uri=party.redirect_uri,
            username=self.username,
            password=self.password,
            scope=party.scope,
            more=more,
        )

    def url(self, path: str) -> str:
        """Absolute URL of an endpoint of the server."""
        return f"{self.server_url}{path}"
