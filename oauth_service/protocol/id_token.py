"""The ID token (OpenID Connect Core 1.0 section 2)."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from .openid import Context

# The hash of an algorithm's signature (section 3.1.3.6); Ed25519 signs with SHA-512 (RFC 8032 section 5.1).
_HASHES = {"RS256": "sha256", "ES256": "sha256", "PS256": "sha256", "EdDSA": "sha512"}


def claims(
    *,
    issuer: str,
    subject: str,
    client_id: str,
    context: Context,
    access_token: str,
    algorithm: str,
    extra: Mapping[str, object],
    is_first: bool,
    lifetime: timedelta,
    now: datetime,
) -> dict[str, object]:
    """
    Return the claims of an ID token.

    Args:
        access_token: issued with it, for at_hash.
        extra: claims of the user that the claims parameter requested; they replace none of the others.
        is_first: True if the token answers the authorization request. After a refresh it "SHOULD NOT have a nonce Claim"
            (section 12.2).
        lifetime: time from now to exp.
    """
    issued_at = int(now.timestamp())
    event = context.event
    members: dict[str, object] = {
        **extra,
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "exp": issued_at + int(lifetime.total_seconds()),
        "iat": issued_at,
        "auth_time": event.auth_time,
        "at_hash": at_hash(access_token, algorithm),
        "sid": event.sid,
    }
    if event.acr:
        members["acr"] = event.acr
    if event.amr:
        members["amr"] = list(event.amr)
    if is_first and context.nonce:
        members["nonce"] = context.nonce
    return members


def at_hash(access_token: str, algorithm: str) -> str:
    """Return the left half of the access token's hash in base64url (section 3.1.3.6)."""
    digest = hashlib.new(_HASHES[algorithm], access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
