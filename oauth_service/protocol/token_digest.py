"""Tokens of the registration endpoints, 256 random bits each (RFC 7591 section 3, RFC 7592 section 3)."""

import hashlib
import hmac
import secrets

from .secret import Secret


def new_token(prefix: str) -> str:
    """Return a token, which is shown once; its prefix tells scanners for leaked secrets what it is."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(token: Secret) -> str:
    """Return the stored form of a token: SHA-256, 64 hexadecimal digits, is enough for 256 random bits."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def matches(token: Secret, digest: str) -> bool:
    """Tell whether a token has this digest; no token has ""."""
    return hmac.compare_digest(digest_of(token), digest)
