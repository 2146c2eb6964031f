"""Where the authorization server is, and who this app is there."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """
    This app's registration with one authorization server.

    Attributes:
        issuer: the server's URL; its answers carry it, character for character, as `iss` (RFC 9207).
        redirect_uri: where the server sends Alice's browser back to, exactly as it was registered.
        scope: what this app asks for, separated by spaces.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scope: str

    def url(self, path: str) -> str:
        """The absolute URL of one of the server's endpoints."""
        return self.issuer.rstrip("/") + path

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server, as a Content-Security-Policy names them."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def manage_apps_url(self) -> str:
        """The page of the server where Alice cuts off apps herself."""
        return self.url("/manage-apps/")


def registration() -> Registration:
    """The registration in the settings; checks.py holds them to what is safe before the site starts."""
    return Registration(
        issuer=_setting("OAUTH_SERVER_URL"),
        client_id=_setting("OAUTH_CLIENT_ID"),
        client_secret=_setting("OAUTH_CLIENT_SECRET"),
        redirect_uri=_setting("OAUTH_REDIRECT_URI"),
        scope=_setting("OAUTH_SCOPE"),
    )


def _setting(name: str) -> str:
    return str(getattr(settings, name, "") or "")
