"""
Verifying other parties' signatures with their registered or published public keys (RFC 7515, RFC 7517, RFC 7518).

This module needs the extra `oidc`. Import it only within functions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, OctKey, import_key
from joserfc.jws import JWSRegistry

from ..protocol import jwk_set
from ..protocol.jwt import ASYMMETRIC, MACS, UnverifiedJWT
from ..protocol.secret import Secret

RSA_BITS = 2048
MOST_TRIED = 4
"""Number of keys that are tried if the JWT does not name one."""

_KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_ALGORITHMS = {name: JWSRegistry.algorithms[name] for name in (*ASYMMETRIC, *MACS)}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VerifyingKey:
    """Another party's public key."""

    kid: str
    algorithms: frozenset[str]
    _key: Key = field(repr=False)

    def has_signed(self, jwt: UnverifiedJWT) -> bool:
        """Tell whether the signature of a JWT is this key's."""
        if jwt.algorithm not in self.algorithms:
            return False
        try:
            return bool(_ALGORITHMS[jwt.algorithm].verify(jwt.signing_input, jwt.signature, self._key))
        except (JoseError, ValueError, TypeError):
            return False


@dataclass(frozen=True, slots=True, repr=False)
class KeySet:
    """The usable keys of a set."""

    keys: tuple[VerifyingKey, ...]

    def candidates(self, jwt: UnverifiedJWT) -> tuple[VerifyingKey, ...]:
        """Return the keys that may have signed a JWT: those that it names, or the first few that fit its algorithm."""
        fitting = [key for key in self.keys if jwt.algorithm in key.algorithms]
        if jwt.kid:
            return tuple(key for key in fitting if key.kid == jwt.kid)[:MOST_TRIED]
        return tuple(fitting[:MOST_TRIED])

    def fits(self, algorithms: Collection[str]) -> bool:
        """Tell whether one of the keys can make one of these signatures."""
        return any(key.algorithms & set(algorithms) for key in self.keys)


def has_mac(jwt: UnverifiedJWT, secret: Secret) -> bool:
    """
    Tell whether the MAC of a JWT was made with a client secret: "the octets of the UTF-8 representation of the client_secret".

    It is False if the secret is too short for the algorithm. OpenID Connect Core section 10.1; RFC 7518 section 3.2.
    """
    least = MACS.get(jwt.algorithm)
    if least is None or len(secret.reveal().encode()) < least:
        return False
    key = OctKey.import_key(secret.reveal().encode())
    return bool(_ALGORITHMS[jwt.algorithm].verify(jwt.signing_input, jwt.signature, key))


@lru_cache(maxsize=512)
def load(text: str) -> KeySet:
    """
    Parse a key set, once per process.

    Raises:
        ValueError: not a key set, or without a usable key; the message is a sentence.
    """
    keys = tuple(filter(None, map(_key_of, jwk_set.parse(text))))
    if not keys:
        raise ValueError(
            f"No key of it can be used: RSA of {RSA_BITS} bits or more, EC on P-256, P-384 or P-521, and Ed25519 can."
        )
    return KeySet(keys)


def _key_of(jwk: Mapping[str, Any]) -> VerifyingKey | None:
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return None  # RFC 7517 sections 4.2 and 4.3
    curve = jwk.get("crv", "") if jwk.get("kty") in ("EC", "OKP") else ""
    fits = frozenset(
        name
        for name, kind in _KINDS.items()
        if kind == (jwk.get("kty"), curve) and jwk.get("alg") in (None, name, *_ALSO.get(name, ()))
    )
    if not fits:
        return None
    try:
        key: Any = import_key({name: value for name, value in jwk.items() if name in _OF_A_KEY})
        raw = key.public_key
    except Exception:  # the library may raise anything for input from others
        return None
    if jwk.get("kty") == "RSA" and raw.key_size < RSA_BITS:  # RFC 7518 section 3.3
        return None
    kid = jwk.get("kid")
    return VerifyingKey(kid=kid if isinstance(kid, str) else "", algorithms=fits, _key=key)


_ALSO = {"EdDSA": ("Ed25519",), "Ed25519": ("EdDSA",)}  # two names of one signature algorithm (RFC 9864)
_OF_A_KEY = frozenset({"kty", "crv", "x", "y", "n", "e"})
