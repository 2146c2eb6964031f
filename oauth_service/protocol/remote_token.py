"""Access tokens of other servers: JWTs (RFC 9068 section 4) and introspection responses (RFC 7662 section 2.2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import jwt, jwt_access_token
from .jwt import ASYMMETRIC, InvalidJWT, UnverifiedJWT
from .lifecycle import LONGEST_LIFETIME
from .openid import AuthenticationEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """An issuer's statement about a token; "" and empty for what it left out. expires_at is in seconds since the epoch."""

    subject: str
    client_id: str
    scope: str
    expires_at: int
    audience: frozenset[str]
    event: AuthenticationEvent | None


def check_jwt(token: UnverifiedJWT, *, issuer: str, now: datetime) -> None:
    """
    Check that a JWT is an access token. Its signature is verified elsewhere; its audience is for the API to judge.

    Raises:
        InvalidJWT: not an access token, another issuer, no sub, client_id or aud, expired, or bound to a key, which is not
            proven here.

    RFC 9068 sections 2.2 and 4.
    """
    jwt.refuse_extensions(token)
    # "The resource server MUST verify that the typ header value is at+jwt": an ID token must not give access to an API.
    jwt.check_typ(token, (jwt_access_token.TYP,), may_be_absent=False)
    if token.algorithm not in ASYMMETRIC:
        raise InvalidJWT(f"the JWT is signed with {token.algorithm[:20]!r}")
    if token.text_of("iss") != issuer:
        raise InvalidJWT("the JWT has another issuer")
    if missing := [name for name in ("sub", "client_id") if not token.text_of(name)]:
        raise InvalidJWT(f"the JWT has no {' and no '.join(missing)}")
    if not _audience(token.claims):
        raise InvalidJWT("the JWT has no aud")
    _refuse_bound(token.claims)
    jwt.check_times(token, longest=LONGEST_LIFETIME, now=now)


def fault_of_introspection(claims: Mapping[str, Any], *, issuer: str, now: datetime) -> str:
    """Say why an introspection response does not describe a valid access token; return "" if it does."""
    if claims.get("active") is not True:
        return "the token is not active"
    if claims.get("iss", issuer) != issuer:
        return "the token is another issuer's"
    # A DPoP token is bound to a key. A refresh token, here and at other servers, has no token_type: it is not for APIs.
    if str(claims.get("token_type", "")).lower() != "bearer":
        return "the token is not a bearer token, or its issuer does not say so (token_type)"
    if claims.get("exp") is not None:
        if (expires_at := _number(claims, "exp")) is None:
            return "exp is not a number"
        if expires_at <= now.timestamp():
            return "the token expired"
    try:
        _refuse_bound(claims)
    except InvalidJWT as fault:
        return fault.detail
    return ""


def read(claims: Mapping[str, Any]) -> TokenClaims:
    """Read verified claims; values of the wrong type count as left out."""
    auth_time, expires_at = _number(claims, "auth_time"), _number(claims, "exp")
    event = None if auth_time is None else AuthenticationEvent(auth_time=auth_time, acr=_text(claims, "acr"))
    return TokenClaims(
        subject=_text(claims, "sub"),
        client_id=_text(claims, "client_id"),
        scope=_text(claims, "scope"),
        expires_at=_NO_END if expires_at is None else expires_at,
        audience=_audience(claims),
        event=event,
    )


def check_metadata(body: bytes, *, issuer: str) -> None:
    """
    Check that metadata is that of an issuer.

    Raises:
        ValueError: not a JSON object, or another issuer's: "these values MUST be identical" (RFC 8414 section 3.3).
    """
    try:
        found = json.loads(body)
    except RecursionError as cause:
        raise ValueError("it is nested too deep") from cause
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise ValueError("it is not the metadata of this issuer")


# 9999-12-31, for a token whose issuer names no end. The issuer is asked about it again regularly.
_NO_END = 253_402_300_799


def _refuse_bound(claims: Mapping[str, Any]) -> None:
    if "cnf" in claims:
        raise InvalidJWT("the token is bound to a key (cnf), which is not proven here")


def _audience(claims: Mapping[str, Any]) -> frozenset[str]:
    named = claims.get("aud")
    several = named if isinstance(named, list) else [named]
    return frozenset(each for each in several if isinstance(each, str) and each)


def _number(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _NO_END
    return int(value) if is_number and value is not None else None


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
