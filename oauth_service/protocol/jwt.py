"""JSON Web Tokens (RFC 7519, RFC 8725): the signatures that this server makes and accepts, and the rules for others' JWTs."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .clock import MOST_SKEW

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
"""The signatures that this server can make (RFC 7518 section 3.1, RFC 8037 section 3.1)."""


ASYMMETRIC = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Signatures that are accepted from others, by their registered public keys (RFC 7518 section 3.1, RFC 8037, RFC 9864)."""

MACS = {"HS256": 32, "HS384": 48, "HS512": 64}
"""MACs that are accepted from others, each with the least number of octets of its key (RFC 7518 section 3.2)."""

MOST_CHARACTERS = 16_384
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z


class InvalidJWT(ValueError):
    """
    A text is not an acceptable JWT.

    Args:
        detail: for the operator's log; the exact reason, never the token.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def key_id(header: Mapping[str, object]) -> str:
    """
    Return the kid of a JWT's header. This server puts one into every token that it signs.

    Raises:
        InvalidJWT: there is none.
    """
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidJWT("the JWT names no key")
    return kid


def check_header(header: Mapping[str, object], *, algorithm: str, typ: str | None) -> None:
    """
    Check the header of a JWT against the key that it names.

    Args:
        algorithm: of that key.
        typ: required type of the token; None for any.

    Raises:
        InvalidJWT: another algorithm, another type, or an extension that must be understood.

    RFC 8725 sections 3.1 and 3.11; RFC 7515 section 4.1.11.
    """
    # The key decides on the algorithm, never the token: this refuses "none", and HS256 with a public key as the secret.
    if header.get("alg") != algorithm:
        raise InvalidJWT(f"the JWT says {_word(header.get('alg'))}, its key is for {algorithm}")
    if "crit" in header:
        raise InvalidJWT("the JWT has extensions that must be understood (crit)")
    if typ is not None and _media_type(header.get("typ")) != _media_type(typ):
        raise InvalidJWT(f"the JWT is {_word(header.get('typ'))}, not {typ}")


def _media_type(typ: object) -> str:
    # RFC 7515 section 4.1.9: compared without regard to case; "application/" may be left out.
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


def _word(value: object) -> str:
    return repr(value)[:40]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnverifiedJWT:
    """The parts of somebody else's JWT; none of it is verified yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """The alg of the header; "" if it is not a text."""
        return _text(self.header.get("alg"))

    @property
    def kid(self) -> str:
        """The kid of the header; "" if there is none."""
        return _text(self.header.get("kid"))

    def text_of(self, claim: str) -> str:
        """Return a claim that is a text; "" if it is missing or something else."""
        return _text(self.claims.get(claim))


def read(text: str) -> UnverifiedJWT:
    """
    Split a JWT in the compact form into its parts (RFC 7515 section 7.1).

    Raises:
        InvalidJWT: not a JWT, encrypted, or longer than MOST_CHARACTERS.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidJWT(f"the JWT is longer than {MOST_CHARACTERS} characters")
    match = _COMPACT.fullmatch(text)
    if not match:
        raise InvalidJWT("the JWT does not have three parts in base64url")
    header, payload, signature = match.groups()
    return UnverifiedJWT(
        header=_members(header, "header"),
        claims=_members(payload, "payload"),
        signing_input=f"{header}.{payload}".encode(),
        signature=_bytes(signature, "signature"),
    )


def refuse_extensions(jwt: UnverifiedJWT) -> None:
    """
    Refuse extensions that must be understood: this server knows none (RFC 7515 section 4.1.11).

    Raises:
        InvalidJWT: the header has crit.
    """
    if "crit" in jwt.header:
        raise InvalidJWT("the JWT has extensions that must be understood (crit)")


def check_typ(jwt: UnverifiedJWT, allowed: tuple[str, ...], *, may_be_absent: bool) -> None:
    """
    Check the type of a JWT, so that another kind of JWT cannot pass for this one.

    Raises:
        InvalidJWT: another type.

    RFC 8725 section 3.11.
    """
    if "typ" not in jwt.header and may_be_absent:
        return
    if _media_type(jwt.header.get("typ")) not in [_media_type(typ) for typ in allowed]:
        raise InvalidJWT(f"the JWT is {_word(jwt.header.get('typ'))}, not {' or '.join(allowed)}")


def check_times(jwt: UnverifiedJWT, *, longest: timedelta, now: datetime) -> datetime:
    """
    Check exp, iat and nbf against the clock, with MOST_SKEW of leeway.

    Args:
        longest: the longest time that it may be valid for.

    Returns:
        the moment from which it is refused as expired, leeway included.

    Raises:
        InvalidJWT: expired, not valid yet, without exp, or valid for longer than `longest`.

    RFC 7519 sections 4.1.4 to 4.1.6; RFC 7523 section 3, rules 4 to 6.
    """
    at, skew = now.timestamp(), MOST_SKEW.total_seconds()
    expires_at = _moment(jwt, "exp")
    if expires_at is None:
        raise InvalidJWT("the JWT has no exp")
    if expires_at + skew <= at:
        raise InvalidJWT(f"the JWT expired at {expires_at}")
    refuse_early(jwt, now=now)
    issued_at = _moment(jwt, "iat")
    life = expires_at - (at + skew if issued_at is None else issued_at)
    if life > longest.total_seconds():
        raise InvalidJWT(f"the JWT lives {life:.0f} seconds, {longest.total_seconds():.0f} are the most")
    return now + timedelta(seconds=expires_at - at) + MOST_SKEW


def refuse_early(jwt: UnverifiedJWT, *, now: datetime) -> None:
    """
    Check iat and nbf against the clock, with MOST_SKEW of leeway.

    Raises:
        InvalidJWT: not valid yet.
    """
    for name in ("iat", "nbf"):
        moment = _moment(jwt, name)
        if moment is not None and moment - MOST_SKEW.total_seconds() > now.timestamp():
            raise InvalidJWT(f"the JWT is not valid yet: its {name} is {moment}")


def _moment(jwt: UnverifiedJWT, claim: str) -> float | None:
    value = jwt.claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise InvalidJWT(f"the {claim} of the JWT is not a NumericDate")
    return value


def _members(part: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part, name).decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as fault:
        if isinstance(fault, InvalidJWT):
            raise
        raise InvalidJWT(f"the {name} of the JWT is not JSON") from fault
    if not isinstance(found, dict):
        raise InvalidJWT(f"the {name} of the JWT is not a JSON object")
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two parsers could each use a different one (RFC 7515 section 4, RFC 8725 section 2.4).
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJWT("the JWT has a member twice")
    return members


def _bytes(part: str, name: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as fault:
        raise InvalidJWT(f"the {name} of the JWT is not in base64url") from fault


def _text(value: object) -> str:
    # PostgreSQL stores no NUL bytes, and a lone surrogate cannot be encoded.
    return value if isinstance(value, str) and "\0" not in value and value.isprintable() else ""
