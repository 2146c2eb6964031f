"""System checks of this app's settings."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error

from prescription_manager_app.conf import LOOPBACK, registration


def check_registration(**_: Any) -> list[CheckMessage]:
    """Check that OAUTH_SERVER_URL, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and OAUTH_REDIRECT_URI are set and safe."""
    found = registration()
    problems: list[CheckMessage] = []
    if not found.client_id:
        problems.append(Error("OAUTH_CLIENT_ID is empty.", id="prescription_manager_app.E001"))
    if not found.client_secret:
        problems.append(
            Error(
                "OAUTH_CLIENT_SECRET is empty.",
                hint="Set it to the secret the authorization server showed when this app was registered.",
                id="prescription_manager_app.E002",
            )
        )
    problems += _check_url("OAUTH_SERVER_URL", found.issuer, number=3)
    problems += _check_url("OAUTH_REDIRECT_URI", found.redirect_uri, number=5)
    if urlsplit(found.issuer).query or urlsplit(found.issuer).fragment:
        problems.append(
            Error(
                "OAUTH_SERVER_URL has a query or a fragment (RFC 8414 section 2).", id="prescription_manager_app.E007"
            )
        )
    return problems


def _check_url(name: str, url: str, *, number: int) -> Iterator[CheckMessage]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield Error(f"{name} is not an http or https URL.", id=f"prescription_manager_app.E00{number}")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK and not settings.DEBUG:
        yield Error(
            f"{name} is http on a host that is not this machine.",
            hint="Codes, tokens and the client secret travel there: use https.",
            id=f"prescription_manager_app.E00{number + 1}",
        )
