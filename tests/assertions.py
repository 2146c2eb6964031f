"""A party that signs JWTs with its own keys: a client, or a trusted issuer."""

import json
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.utils import timezone
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from oauth_service.models import Client
from tests.specs.signed import in_base64url

ISSUER = "http://localhost:8000"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_REGISTRY = jws.JWSRegistry(algorithms=list(jws.JWSRegistry.algorithms), strict_check_header=False)


@cache
def key_for(algorithm: str, number: int = 0) -> Any:
    """A private key that all tests share, because making RSA keys is slow."""
    if algorithm.startswith("HS"):
        return OctKey.generate_key(512)
    if algorithm.startswith("ES"):
        return ECKey.generate_key(CURVES[algorithm], auto_kid=True)
    if algorithm.startswith("Ed"):
        return OKPKey.generate_key("Ed25519", auto_kid=True)
    return RSAKey.generate_key(2048, auto_kid=True) if algorithm == "RS256" else key_for("RS256", number)


def signed(key: Key | None, header: dict[str, Any], claims: object, *, signature: bytes | None = None) -> str:
    """A JWT with any content; without a key it has the given signature, or none."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    message = f"{in_base64url(header)}.{in_base64url(payload)}"
    if key is None:
        return f"{message}.{in_base64url(signature or b'')}"
    signature = jws.JWSRegistry.algorithms[header["alg"]].sign(message.encode(), key)
    return f"{message}.{in_base64url(signature)}"


@dataclass
class Signer:
    """A signer with a key for one algorithm."""

    name: str
    algorithm: str = "ES256"
    key: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.key = self.key or key_for(self.algorithm)

    @property
    def jwks(self) -> str:
        """Public keys, as the party registers or publishes them."""
        return json.dumps({"keys": [self.key.as_dict(private=False)]})

    @classmethod
    def by_secret(cls, client: Client, algorithm: str = "HS256") -> "Signer":
        """A client that is registered for client_secret_jwt, with a new secret."""
        client.token_endpoint_auth_method = "client_secret_jwt"
        client.save()
        return cls(client.client_id, algorithm, OctKey.import_key(Client.objects.rotate_secret(client)))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of the assertion; a claim changed to None is left out."""
        now = int(timezone.now().timestamp())
        claims = {
            "iss": self.name,
            "sub": self.name,
            "aud": ISSUER,
            "jti": secrets.token_urlsafe(8),
            "iat": now,
            "exp": now + 60,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def header(self, **changes: Any) -> dict[str, Any]:
        """The header; a member changed to None is left out."""
        header = {"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT"} | changes
        return {name: value for name, value in header.items() if value is not None}

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """A new assertion with changed claims."""
        return signed(key or self.key, self.header(**(header or {})), self.claims(**changes))

    def proof(self, assertion: str = "", **changes: Any) -> dict[str, Any]:
        """Parameters with which the client authenticates."""
        return {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(**changes),
        }
