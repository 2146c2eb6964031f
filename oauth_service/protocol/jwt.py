"""JSON Web Tokens that this server signs (RFC 7519, RFC 8725): which signatures it makes, and which it believes."""

from collections.abc import Mapping

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
"""Every signature that can be made here (RFC 7518 section 3.1, RFC 8037 section 3.1)."""


class InvalidJWT(ValueError):
    """
    A text is no JWT of this server.

    Args:
        detail: for the operator's log; the exact reason, never the token.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def key_id(header: Mapping[str, object]) -> str:
    """
    The kid of a JWT's header. This server puts one into every token that it signs.

    Raises:
        InvalidJWT: there is none.
    """
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidJWT("the JWT names no key")
    return kid


def check_header(header: Mapping[str, object], *, algorithm: str, typ: str | None) -> None:
    """
    Hold the header of a JWT against the key that it names.

    Args:
        algorithm: of that key.
        typ: what the token must be; None if it may be anything.

    Raises:
        InvalidJWT: another algorithm, another type, or an extension that has to be understood.

    RFC 8725 sections 3.1 and 3.11; RFC 7515 section 4.1.11.
    """
    # The key says which algorithm it is for, never the token: that refuses "none", and HS256 with a public key as the secret.
    if header.get("alg") != algorithm:
        raise InvalidJWT(f"the JWT says {_word(header.get('alg'))}, its key is for {algorithm}")
    if "crit" in header:
        raise InvalidJWT("the JWT has extensions that must be understood (crit)")
    if typ is not None and _media_type(header.get("typ")) != _media_type(typ):
        raise InvalidJWT(f"the JWT is {_word(header.get('typ'))}, not {typ}")


def _media_type(typ: object) -> str:
    # RFC 7515 section 4.1.9: compared without regard to case, "application/" may be left out.
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


def _word(value: object) -> str:
    return repr(value)[:40]
