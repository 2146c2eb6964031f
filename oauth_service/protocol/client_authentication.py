"""Client authentication (RFC 6749 section 2.3, RFC 7521 section 4.2)."""

import base64
import hashlib
import hmac
import re
import secrets
from urllib.parse import unquote_plus

from ..values import value_class
from . import client_assertion, jwt
from .errors import InvalidClient, InvalidRequest
from .parameters import Parameters
from .secret import Secret

METHODS = ("client_secret_basic", "client_secret_post", "none")
"""Methods that need no extra; client_assertion has the others."""
_SERVER_MADE = "sha256$"
_BASIC = re.compile(r"Basic +([A-Za-z0-9+/=]+)", re.IGNORECASE)


@value_class(kw_only=True)
class Credentials:
    """
    The client that a request claims to come from, and its proof.

    method is one of METHODS or of client_assertion.METHODS. secrets holds every reading of the secret sent: none, one, or two
    if HTTP Basic's form encoding is ambiguous. assertion is the JWT of a client that signs.
    """

    client_id: str
    method: str
    secrets: tuple[Secret, ...]
    assertion: jwt.UnverifiedJWT | None = None

    @property
    def are_empty(self) -> bool:
        """True if the request has no proof at all."""
        return not self.secrets and self.assertion is None


def credentials(authorization: str, parameters: Parameters) -> Credentials:
    """
    Read client credentials from HTTP Basic, from the body or from an assertion, but never from two of them.

    Args:
        authorization: the Authorization header, "" if absent.

    Raises:
        InvalidClient: no credentials, a header that is not well-formed Basic, or an assertion that is not a JWT.
        InvalidRequest: "The client MUST NOT use more than one authentication method in each request."
    """
    client_id, secret = parameters.get("client_id"), parameters.secret("client_secret")
    if parameters.get("client_assertion") or parameters.get("client_assertion_type"):
        if authorization or secret:
            raise InvalidRequest("the client authenticates in more than one way: send client_assertion alone")
        return _signed(client_id, parameters)
    if not authorization:
        if not client_id:
            raise InvalidClient(
                "client authentication is missing", detail="the request has no client_id and no HTTP Basic credentials"
            )
        method = "client_secret_post" if secret else "none"
        return Credentials(client_id=client_id, method=method, secrets=(secret,) if secret else ())
    basic_id, basic_secret = _basic(authorization)
    if secret:
        raise InvalidRequest("client credentials were sent twice: in the Authorization header and in the body")
    identity = unquote_plus(basic_id)
    if client_id and client_id not in (identity, basic_id):
        raise InvalidRequest("client_id in the body differs from the one in the Authorization header")
    # Section 2.3.1 requires form encoding, but many clients send the parts raw. Both readings need knowledge of the secret.
    readings = dict.fromkeys([unquote_plus(basic_secret), basic_secret])
    # No secret contains a NUL byte, which "%00" decodes to; some password hashers fail on it.
    usable = tuple(Secret(reading) for reading in readings if reading and "\0" not in reading)
    return Credentials(client_id=client_id or identity, method="client_secret_basic", secrets=usable)


def _signed(client_id: str, parameters: Parameters) -> Credentials:
    if parameters.require("client_assertion_type") != client_assertion.ASSERTION_TYPE:
        raise InvalidClient("client_assertion_type is not supported", detail="it is not the type for JWTs (RFC 7523)")
    parameters.require("client_assertion")
    try:
        assertion = jwt.read(parameters.secret("client_assertion").reveal())
    except jwt.InvalidJWT as fault:
        raise InvalidClient("client_assertion is not a JWT", detail=fault.detail) from None
    # RFC 7521 section 4.2: client_id "is unnecessary [...]. If present, the value MUST identify the same client".
    named = assertion.text_of("sub")
    if not named:
        raise InvalidClient("client_assertion names no client", detail="it has no sub")
    if client_id and client_id != named:
        raise InvalidRequest("client_id differs from the sub of client_assertion")
    method = "client_secret_jwt" if assertion.algorithm.startswith("HS") else "private_key_jwt"
    return Credentials(client_id=named, method=method, secrets=(), assertion=assertion)


def _basic(authorization: str) -> tuple[str, str]:
    match = _BASIC.fullmatch(authorization.strip())
    if not match:
        raise InvalidClient("the Authorization header is not well-formed HTTP Basic", detail="not Basic credentials")
    try:
        text = base64.b64decode(match[1], validate=True).decode()
    except ValueError as cause:
        raise InvalidClient("the Authorization header is not well-formed HTTP Basic", detail="not base64") from cause
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id or "\0" in text + unquote_plus(client_id):  # PostgreSQL takes no NUL bytes
        raise InvalidClient("the Authorization header is not well-formed HTTP Basic", detail="not client_id:secret")
    return client_id, secret


def new_secret(*, is_mac_key: bool = False) -> str:
    """
    Return a new client secret in base64url; it is shown once.

    Args:
        is_mac_key: True if its octets are the key of a MAC (OpenID Connect Core section 10.1): 64 are enough for HS512.

    Returns:
        256 random bits in 43 characters, or 384 in 64.
    """
    return secrets.token_urlsafe(48 if is_mac_key else 32)


def hash_of(secret: str) -> str:
    """Return the stored form of a secret from new_secret(). SHA-256 is enough for 256 random bits, and cheap to check."""
    return _SERVER_MADE + hashlib.sha256(secret.encode()).hexdigest()


def is_server_made(secret_hash: str) -> bool:
    """Tell whether a hash is of a secret from new_secret(); a secret chosen by a person has a password hasher's format."""
    return secret_hash.startswith(_SERVER_MADE)


def matches(secret: Secret, secret_hash: str) -> bool:
    """Tell whether a secret has this hash_of()."""
    return hmac.compare_digest(hash_of(secret.reveal()), secret_hash)
