"""Settings: the authorization server, and this app's registration there."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """
    This app's registration with one authorization server.

    Attributes:
        issuer: the server's URL; its responses carry it, character for character, as `iss` (RFC 9207).
        redirect_uri: URL to which the server sends Alice's browser back, exactly as registered.
        scope: requested scope, separated by spaces.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scope: str

    def url(self, path: str) -> str:
        """Absolute URL of one of the server's endpoints."""
        return self.issuer.rstrip("/") + path

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server, as a Content-Security-Policy needs them."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def manage_apps_url(self) -> str:
        """The server's page where Alice can disconnect apps."""
        return self.url("/manage-apps/")


def registration() -> Registration:
    """Read the registration from the settings; checks.py makes sure that they are safe."""
    return Registration(
        issuer=_setting("OAUTH_SERVER_URL"),
        client_id=_setting("OAUTH_CLIENT_ID"),
        client_secret=_setting("OAUTH_CLIENT_SECRET"),
        redirect_uri=_setting("OAUTH_REDIRECT_URI"),
        scope=_setting("OAUTH_SCOPE"),
    )


def _setting(name: str) -> str:
    return str(getattr(settings, name, "") or "")
