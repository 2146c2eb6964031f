"""Proof Key for Code Exchange (RFC 7636)."""

import base64
import hashlib
import hmac
import re

from .errors import InvalidGrant, InvalidRequest

METHODS = ("S256",)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")


def challenge_of(verifier: str) -> str:
    """Compute base64url(SHA-256(verifier)) without padding, 43 characters: S256 (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def requested(challenge: str, method: str, *, required: bool) -> str:
    """
    Check the code_challenge of an authorization request.

    Args:
        challenge: code_challenge, "" if absent.
        method: code_challenge_method, "" if absent (which means plain, RFC 7636 section 4.3).
        required: True if this client must send one.

    Returns:
        the challenge to keep with the code, "" for none.

    Raises:
        InvalidRequest: missing though required, a method other than S256, or malformed.

    RFC 7636 section 4.4.1; plain is refused because it shows the verifier to everyone who sees the request.
    """
    if not challenge:
        if method:
            raise InvalidRequest("code_challenge_method was sent without a code_challenge")
        if required:
            raise InvalidRequest("code_challenge is missing: this client must use PKCE")
        return ""
    if method not in METHODS:
        raise InvalidRequest("code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge must be 43 characters of base64url, without padding")
    return challenge


def check(verifier: str, challenge: str) -> None:
    """
    Check a code_verifier against the code_challenge that its code was issued with.

    Args:
        verifier: code_verifier of the token request, 43-128 characters; "" if none was sent.
        challenge: kept with the code; S256, base64url without padding; "" if none was sent.

    Raises:
        InvalidGrant: missing, sent without a challenge, malformed or different.

    RFC 7636 section 4.6; RFC 9700 section 2.1.1 (a verifier without a challenge is refused).
    """
    if not challenge and not verifier:
        return
    if not challenge:
        # Otherwise nobody would notice an attacker who removes the challenge from the request (PKCE downgrade).
        raise InvalidGrant("code_verifier was sent, but the code was issued without a code_challenge")
    if not verifier:
        raise InvalidGrant("code_verifier is missing")
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidGrant("code_verifier must be 43 to 128 unreserved characters")
    if not hmac.compare_digest(challenge_of(verifier), challenge):
        raise InvalidGrant("code_verifier does not match the code_challenge")
