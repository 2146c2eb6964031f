"""Messages of the nine steps: the guide's literal ones, with the names and secrets of one deployment."""

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """
    Parameters of a play.

    Attributes:
        server_url: the authorization server, which is also its issuer identifier; without a trailing slash.
        client_url: URL of the client application; "" leaves it out of the play.
        state: as in the guide. It binds nothing here, because each play has one browser only.
        more: further parameters of the authorization request.
    """

    server_url: str
    client_url: str = ""
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    username: str
    password: str = field(repr=False)
    scope: str = "user profile"
    state: str = "xyzABC123"
    more: Fields = ()

    @property
    def request(self) -> Fields:
        """Parameters of the authorization request that the consent form repeats, in the guide's order."""
        return (
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("scope", self.scope),
            ("state", self.state),
        )

    @property
    def authorise_url(self) -> str:
        return f"{self.server_url}/authorise/?{encoded((('response_type', 'code'), *self.request, *self.more))}"

    @property
    def token_url(self) -> str:
        return f"{self.server_url}/token/"

    @property
    def userinfo_url(self) -> str:
        return f"{self.server_url}/userinfo/"

    def code_exchange(self, code: str) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    def refresh(self, refresh_token: str) -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    def revocation(self, token: str) -> dict[str, str]:
        return {"token": token, "client_id": self.client_id, "client_secret": self.client_secret}


def encoded(fields: Fields) -> str:
    """A query or form body, encoded as the guide writes it: a space is %20, a slash is %2F."""
    return urlencode(fields, quote_via=quote, safe="")
