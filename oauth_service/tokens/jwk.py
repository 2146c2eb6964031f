"""
JSON Web Keys, and signing with them (RFC 7515, RFC 7517, RFC 7518, RFC 8037).

This module needs the extra `oidc`. Import it only within functions, so that a server without OpenID Connect does not need the
extra, and does not load it.
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
    """A key cannot be used; the message says why and quotes nothing of the key."""


class _Registry(jws.JWSRegistry):
    """The algorithms of this server. joserfc warns at each use of EdDSA, which RFC 9864 renames; clients know no other name."""

    def get_alg(self, name: str) -> Any:
        return _ALGORITHMS[name]


_ALGORITHMS = {name: jws.JWSRegistry.algorithms[name] for name in ALGORITHMS}
_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """The public part of a key; `jwk` is its published form, with kid, alg and use."""

    kid: str
    algorithm: str
    jwk: Mapping[str, Any]
    _key: Key = field(repr=False)

    @property
    def thumbprint(self) -> str:
        """Digest of the key alone, without its kid and algorithm (RFC 7638)."""
        return self._key.thumbprint()

    def verify(self, text: str, *, typ: str | None) -> dict[str, object]:
        """
        Verify a JWT that names this key.

        Raises:
            InvalidJWT: not signed with this key, or not of this type, or its claims cannot be read.
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
        """Tell whether a signature is this key's."""
        return bool(_ALGORITHMS[self.algorithm].verify(signing_input, signature, self._key))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrivateKey:
    """A key that can sign."""

    public: PublicKey
    _key: Key

    def sign(self, signing_input: bytes) -> bytes:
        """Return the signature (RFC 7515 section 5.1) in the raw form that JWS uses."""
        signature: bytes = _ALGORITHMS[self.public.algorithm].sign(signing_input, self._key)
        return signature


def generate(algorithm: str) -> PrivateKey:
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
        algorithm: "" for the default of the kind of key; RS256 for RSA.

    Raises:
        UnusableKey: not a private key, or not for this algorithm.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise UnusableKey("the PEM is encrypted: decrypt it first") from None
    except Exception:  # the library's message may quote the key
        raise UnusableKey("it is not a private key in PEM format") from None
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
        jwk: with kid and alg; private members are ignored.

    Raises:
        UnusableKey: not a key for one of this server's algorithms.
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
    except Exception:  # the library's message may quote the key
        raise UnusableKey(f"the public JWK {kid} cannot be read") from None
    if algorithm not in _algorithms_of(raw):
        raise UnusableKey(f"the public JWK {kid} is not for {algorithm}")
    return _public(kid, algorithm, raw)


def encrypt(key: PrivateKey, token_key: bytes) -> bytes:
    """Return the private part, encrypted under the server's token key."""
    return encryption.encrypt(_pkcs8(key), token_key, purpose=_PURPOSE, about=key.public.kid)


def decrypt(encrypted: bytes, *, kid: str, algorithm: str, token_key: bytes) -> PrivateKey | None:
    """Return the key; None if it was encrypted under another token key, or for another kid."""
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
    # The kid contains the algorithm, because one RSA key may be used with two of them.
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
    Return the unverified header of a JWT.

    Raises:
        InvalidJWT: it cannot be read, or names no key.
    """
    try:
        header: dict[str, object] = jws.extract_compact(text.encode(), registry=_REGISTRY).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as fault:
        raise InvalidJWT(f"the JWT cannot be read: {type(fault).__name__}") from fault
    key_id(header)
    return header
