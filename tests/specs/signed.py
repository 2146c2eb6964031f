"""Signatures as a client of an OpenID Provider sees them: the parts of a JWT, and the key that it names."""

import base64
import json
from typing import Any

from django.test import Client as Browser
from django.utils import timezone

from oauth_service.tokens import keys

CLAIMS = {"iss": "https://id.example", "sub": "248289761001", "aud": "s6BhdRkqt3"}


def base64url(text: str) -> bytes:
    """Decode a part of a JWT."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def in_base64url(value: object) -> str:
    """Encode a value as a part of a JWT."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(algorithm: str = "RS256", typ: str = "JWT", claims: dict[str, Any] | None = None) -> str:
    """Sign a JWT as this server."""
    return keys.sign(CLAIMS if claims is None else claims, algorithm=algorithm, typ=typ, now=timezone.now())


def header_of(token: str) -> dict[str, Any]:
    """Return the JOSE header."""
    found: dict[str, Any] = json.loads(base64url(token.split(".")[0]))
    return found


def key_set() -> list[dict[str, Any]]:
    """Send GET /jwks/."""
    found: list[dict[str, Any]] = Browser().get("/jwks/").json()["keys"]
    return found


def key_of(token: str) -> dict[str, Any]:
    """Return the published key that a JWT names."""
    [found] = [each for each in key_set() if each["kid"] == header_of(token)["kid"]]
    return found


def number(member: str) -> int:
    """Decode a Base64urlUInt or a coordinate."""
    return int.from_bytes(base64url(member))
