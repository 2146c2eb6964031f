"""
JSON Web Keys and what is signed with them (RFC 7515, RFC 7517, RFC 7518, RFC 8037).

It needs the extra `oidc`. Whatever uses it imports it within a function, so that a server without OpenID Connect does not need
the extra, and does not pay for it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from .. import encryption
from ..protocol.jwt import ALGORITHMS, InvalidJWT, check_header, key_id

RSA_BITS = 2048
_PURPOSE = b"oauth_service signing key"
_KID = re.compile(r"[\x21-\x7e]{1,64}")


class UnusableKey(ValueError):
    """A key cannot be used; the message says why, without a word of the key."""


class _Registry(jws.JWSRegistry):
    """The algorithms of this server. joserfc warns of EdDSA, whose name RFC 9864 replaces, at each use; clients know no other."""

    def get_alg(self, name: str) -> Any:
        return _ALGORITHMS[name]


_ALGORITHMS = {name: jws.JWSRegistry.algorithms[name] for name in ALGORITHMS}
_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """The public part of a key; `jwk` is it as it is published, with kid, alg and use."""

    kid: str
    algorithm: str
    jwk: Mapping[str, Any]
    _key: Key = field(repr=False)

    @property
    def thumbprint(self) -> str:
        """The digest of the key alone, whatever its kid and algorithm are (RFC 7638)."""
        return self._key.thumbprint()

    def verify(self, text: str, *, typ: str | None) -> dict[str, object]:
        """
        Verify a JWT that names this key.

        Raises:
            InvalidJWT: it was not signed with this key, or is not of this type, or its claims cannot be read.
        """
        try:
            signed = jws.extract_compact(text.encode(), registry=_REGISTRY)
            check_header(signed.headers(), algorithm=self.algorithm, typ=typ)
            if not jws.validate_compact(signed, self._key, registry=_REGISTRY):
                raise InvalidJWT(f"the signature is not that of {self.kid}")
            claims = json.loads(signed.payload)
        except (JoseError, ValueError, TypeError, RecursionError) as fault:
            if isinstance(fault, InvalidJWT):
                raise
            raise InvalidJWT(f"the JWT cannot be read: {type(fault).__name__}") from fault
        if not isinstance(claims, dict):
            raise InvalidJWT("the JWT has no claims")
        return claims

    def has_signed(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether a signature is this key's."""
        return bool(_ALGORITHMS[self.algorithm].verify(signing_input, signature, self._key))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrivateKey:
    """A key that can sign."""

    public: PublicKey
    _key: Key

    def sign(self, signing_input: bytes) -> bytes:
        """The signature (RFC 7515 section 5.1), raw as JWS has it."""
        signature: bytes = _ALGORITHMS[self.public.algorithm].sign(signing_input, self._key)
        return signature


def generate(algorithm: str) -> PrivateKey:
    """Make a key."""
    match algorithm:
        case "ES256":
            return _private(algorithm, ec.generate_private_key(ec.SECP256R1()))
        case "EdDSA":
            return _private(algorithm, ed25519.Ed25519PrivateKey.generate())
        case _:
            return _private(algorithm, rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def from_pem(pem: str, algorithm: str = "") -> PrivateKey:
    """
    Read a private key.

    Args:
        pem: PKCS #8 or the older forms, not encrypted.
        algorithm: "" for the one that goes with the kind of key; RS256 for RSA.

    Raises:
        UnusableKey: it is none, or not one for this algorithm.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise UnusableKey("the PEM is encrypted: decrypt it first") from None
    except Exception:  # whatever the library finds, its words may quote the key
        raise UnusableKey("it is no private key in PEM") from None
    fits = _algorithms_of(key)
    if not fits:
        raise UnusableKey(f"it must be RSA of {RSA_BITS} bits or more, EC on P-256, or Ed25519")
    if algorithm and algorithm not in fits:
        raise UnusableKey(f"it is not for {algorithm}, but for {' or '.join(fits)}")
    return _private(algorithm or fits[0], key)


def public_from(jwk: Mapping[str, object]) -> PublicKey:
    """
    Read a public key.

    Args:
        jwk: with kid and alg; private members are left out.

    Raises:
        UnusableKey: it is none of this server's algorithms.
    """
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise UnusableKey("a public JWK needs a kid of 1 to 64 visible ASCII characters")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise UnusableKey(f"the public JWK {kid} needs an alg: {', '.join(ALGORITHMS)}")
    try:
        members: Any = dict(jwk)
        read: Any = import_key(members)
        raw = read.public_key
    except Exception:  # whatever the library finds, its words may quote the key
        raise UnusableKey(f"the public JWK {kid} cannot be read") from None
    if algorithm not in _algorithms_of(raw):
        raise UnusableKey(f"the public JWK {kid} is not for {algorithm}")
    return _public(kid, algorithm, raw)


def encrypt(key: PrivateKey, token_key: bytes) -> bytes:
    """The private part, encrypted under the server's token key."""
    return encryption.encrypt(_pkcs8(key), token_key, purpose=_PURPOSE, about=key.public.kid)


def decrypt(encrypted: bytes, *, kid: str, algorithm: str, token_key: bytes) -> PrivateKey | None:
    """The key again; None if another token key has encrypted it, or another key's row holds it."""
    plain = encryption.decrypt(encrypted, token_key, purpose=_PURPOSE, about=kid)
    if plain is None:
        return None
    return _private(algorithm, serialization.load_der_private_key(plain, password=None), kid=kid)


def _pkcs8(key: PrivateKey) -> bytes:
    raw: Any = key._key.private_key
    der: bytes = raw.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return der


def _private(algorithm: str, raw: Any, *, kid: str = "") -> PrivateKey:
    public = _public(kid, algorithm, raw.public_key())
    return PrivateKey(public=public, _key=_kind(algorithm)(raw, raw))


def _public(kid: str, algorithm: str, raw: Any) -> PublicKey:
    key = _kind(algorithm)(raw, raw)
    # The algorithm is in the name, as one RSA key may be given for two of them.
    kid = kid or f"{algorithm}-{key.thumbprint()[:16]}"
    published = key.as_dict(private=False, kid=kid, alg=algorithm, use="sig")
    return PublicKey(kid=kid, algorithm=algorithm, jwk=published, _key=key)


def _kind(algorithm: str) -> Any:
    return {"ES256": ECKey, "EdDSA": OKPKey}.get(algorithm, RSAKey)


def _algorithms_of(raw: Any) -> tuple[str, ...]:
    match raw:
        case rsa.RSAPrivateKey() | rsa.RSAPublicKey() if raw.key_size >= RSA_BITS:  # RFC 7518 section 3.3
            return ("RS256", "PS256")
        case ec.EllipticCurvePrivateKey() | ec.EllipticCurvePublicKey() if isinstance(raw.curve, ec.SECP256R1):
            return ("ES256",)
        case ed25519.Ed25519PrivateKey() | ed25519.Ed25519PublicKey():
            return ("EdDSA",)
        case _:
            return ()


def header_of(text: str) -> Mapping[str, object]:
    """
    The header of a JWT, not yet believed.

    Raises:
        InvalidJWT: it cannot be read.
    """
    try:
        header: dict[str, object] = jws.extract_compact(text.encode(), registry=_REGISTRY).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as fault:
        raise InvalidJWT(f"the JWT cannot be read: {type(fault).__name__}") from fault
    key_id(header)
    return header
