"""Bearer token usage (RFC 6750)."""

import re
from collections.abc import Mapping

from .errors import BearerError, InsufficientScope, InsufficientUserAuthentication, MalformedBearer, MissingToken

_CREDENTIALS = re.compile(r"Bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def token_of(authorization: str, *, query: frozenset[str]) -> str:
    """
    Return the token in a request's Authorization header.

    Args:
        authorization: the Authorization header, "" if absent.
        query: names of the parameters in the URL.

    Raises:
        MissingToken: no Authorization header, or one with another scheme.
        MalformedBearer: not `Bearer` and one token; or a token in the URL, which is never read (section 2.3:
            "SHOULD NOT be used"; OAuth 2.1 removed it).
    """
    if "access_token" in query:
        raise MalformedBearer("the access token must be sent in the Authorization header, never in the URL")
    if not authorization or authorization.split(" ")[0].lower() != "bearer":
        raise MissingToken("an access token is required")
    if not (credentials := _CREDENTIALS.fullmatch(authorization.strip())):
        raise MalformedBearer("the Authorization header must be Bearer and one token")
    return credentials[1]


def well_formed(text: str) -> str:
    """
    Return the token from a form (section 2.2) after checking its characters.

    Raises:
        MalformedBearer: characters that no token has.
    """
    if not _TOKEN.fullmatch(text):
        raise MalformedBearer("the access token has characters that no access token has")
    return text


def challenge(refusal: BearerError, *, realm: str, more: Mapping[str, str] | None = None) -> str:
    """
    Return the WWW-Authenticate header for a refusal (section 3).

    Args:
        more: attributes that the resource adds: scope, resource_metadata (RFC 9728 section 5.1).
    """
    attributes = {"realm": realm}
    if refusal.error:
        attributes |= {"error": refusal.error, "error_description": refusal.description}
    if isinstance(refusal, InsufficientScope):
        attributes["scope"] = refusal.scope
    if isinstance(refusal, InsufficientUserAuthentication):
        asked = {"acr_values": refusal.acr_values, "max_age": "" if refusal.max_age is None else str(refusal.max_age)}
        attributes |= {name: value for name, value in asked.items() if value}
    attributes |= more or {}
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in attributes.items())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
