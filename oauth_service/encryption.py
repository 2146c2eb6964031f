"""
Secrets at rest that the server has to read again, encrypted under its token key (AES-256-GCM).

It needs `cryptography`, of the extra `oidc`, and imports it when it is called.
"""

import hmac
import os
from importlib.util import find_spec

_VERSION = b"\x01"
_NONCE_BYTES = 12


def is_available() -> bool:
    """Whether `cryptography` is installed; it is not imported for that."""
    return find_spec("cryptography") is not None


def encrypt(plain: bytes, token_key: bytes, *, purpose: bytes, about: str) -> bytes:
    """
    Encrypt a secret.

    Args:
        token_key: of the server; what encrypts is derived from it.
        purpose: what kind of secret it is: each kind has a key of its own.
        about: whose secret it is; in another row than that one it cannot be read.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(_derived(token_key, purpose)).encrypt(nonce, plain, about.encode())


def decrypt(encrypted: bytes, token_key: bytes, *, purpose: bytes, about: str) -> bytes | None:
    """The secret again; None if another token key has encrypted it, or it is another kind or another row's."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, nonce, sealed = encrypted[:1], encrypted[1 : 1 + _NONCE_BYTES], encrypted[1 + _NONCE_BYTES :]
    if version != _VERSION or len(nonce) != _NONCE_BYTES:
        return None
    try:
        return AESGCM(_derived(token_key, purpose)).decrypt(nonce, sealed, about.encode())
    except InvalidTag:
        return None


def _derived(token_key: bytes, purpose: bytes) -> bytes:
    # A key of its own: what seals tokens encrypts nothing.
    return hmac.digest(token_key, purpose, "sha256")
