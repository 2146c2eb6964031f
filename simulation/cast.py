"""Who plays the flows in which no person's browser brings a code: services, devices, APIs, and the person that they act for."""

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
        name: what people read on pages.
        client_secret: "" for a public client.
        redirect_uri: "" for a client that no browser comes back to.
    """

    client_id: str
    name: str
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = ""
    scope: str = ""

    @property
    def headers(self) -> Fields:
        """How it proves who it is: HTTP Basic (RFC 6749 section 2.3.1); a public client proves nothing."""
        if not self.client_secret:
            return ()
        credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return (("Authorization", f"Basic {b64encode(credentials.encode()).decode()}"),)

    @property
    def fields(self) -> Fields:
        """How a public client says who it is: in the body."""
        return () if self.client_secret else (("client_id", self.client_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """An API that tokens are asked for (RFC 8707): its identifier, its name for people, and its scope with its words."""

    identifier: str
    name: str
    scope: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """
    All of them.

    Attributes:
        server_url: the authorization server, which is also its issuer identifier; without a slash at its end.
        service: may get tokens of its own, for both APIs.
        device, other_device: public; a person connects them by a code that they show.
        app: uses both APIs for a person, and lets the gateway act through it.
        gateway: acts for people who use the app; gets tokens of its own, too.
        api_client: asks the server about tokens for `api`.
        api, other_api: what the tokens are for.
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
        What one client and the person say in a browser.

        Args:
            more: what the authorization request has besides the guide's parameters.
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
        """The absolute URL of an endpoint of the server."""
        return f"{self.server_url}{path}"
