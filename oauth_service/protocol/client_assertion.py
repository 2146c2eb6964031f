"""Client authentication by a signed assertion (RFC 7521 section 4.2, RFC 7523 section 2.2, OpenID Connect Core section 9)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from . import jwt
from .jwt import ASYMMETRIC, MACS, InvalidJWT, UnverifiedJWT

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METHODS = ("private_key_jwt", "client_secret_jwt")
LONGEST_LIFE = timedelta(minutes=5)
MOST_JTI_CHARACTERS = 1000
_TYPES = ("JWT", "client-authentication+jwt")


def algorithms_of(method: str, registered: str) -> tuple[str, ...]:
    """
    Return the algorithms that may sign a client's assertions.

    Args:
        method: one of METHODS.
        registered: token_endpoint_auth_signing_alg; "" for any of the method's.
    """
    of_method = {"private_key_jwt": ASYMMETRIC, "client_secret_jwt": tuple(MACS)}.get(method, ())
    return tuple(name for name in of_method if registered in ("", name))


def check_header(assertion: UnverifiedJWT, *, algorithms: Collection[str]) -> None:
    """
    Check the header of an assertion against its client's registration, before a key is looked up.

    Raises:
        InvalidJWT: another algorithm, another kind of JWT, or an extension that must be understood.

    RFC 8725 sections 3.1 and 3.11.
    """
    # The registration decides on the algorithm, never the token: this refuses "none", and HS256 with a public key as secret.
    if assertion.algorithm not in algorithms:
        raise InvalidJWT(f"the assertion is signed with {assertion.algorithm[:20]!r}, not {' or '.join(algorithms)}")
    jwt.refuse_extensions(assertion)
    jwt.check_typ(assertion, _TYPES, may_be_absent=True)


def check_claims(
    assertion: UnverifiedJWT, *, client_id: str, issuer: str, token_endpoint: str, now: datetime
) -> datetime:
    """
    Check the claims of an assertion against its client, this server and the clock.

    Args:
        client_id: the client whose key or secret signed it.
        issuer: identifier of this server.
        token_endpoint: URL that is accepted as audience, too, as RFC 7523 section 3 allowed; "" for none.

    Returns:
        the moment until which its jti has to be remembered.

    Raises:
        InvalidJWT: wrong iss, sub or aud, no jti, expired, not valid yet, or valid for longer than LONGEST_LIFE.

    RFC 7523 section 3; OpenID Connect Core section 9; draft-ietf-oauth-rfc7523bis section 4.
    """
    for claim in ("iss", "sub"):
        if assertion.text_of(claim) != client_id:
            raise InvalidJWT(f"the {claim} of the assertion is not its client_id")
    audience = assertion.claims.get("aud")
    if token_endpoint:
        # RFC 7523 is less strict: one of several audiences has to be this server.
        named = audience if isinstance(audience, list) else [audience]
        if not {issuer, token_endpoint} & {each for each in named if isinstance(each, str)}:
            raise InvalidJWT("the aud of the assertion is neither the issuer nor the token endpoint")
    elif audience != issuer:
        # A single string: if an assertion names several servers, each could pass it on to the others.
        raise InvalidJWT("the aud of the assertion is not the issuer alone, as one string")
    if not 0 < len(assertion.text_of("jti")) <= MOST_JTI_CHARACTERS:
        raise InvalidJWT("the assertion has no jti")
    return jwt.check_times(assertion, longest=LONGEST_LIFE, now=now)
