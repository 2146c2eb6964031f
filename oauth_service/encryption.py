"""
Encryption of secrets that the server stores and has to read again (AES-256-GCM, under its token key).

It needs `cryptography`, of the extra `oidc`, and imports it when it is called.
"""

import hmac
import os
from importlib.util import find_spec

_VERSION = b"\x01"
_NONCE_BYTES = 12


def is_available() -> bool:
    """Return whether `cryptography` is installed, without importing it."""
    return find_spec("cryptography") is not None


def encrypt(plain: bytes, token_key: bytes, *, purpose: bytes, about: str) -> bytes:
    """
    Encrypt a secret.

    Args:
        token_key: the server's; the encryption key is derived from it.
        purpose: kind of the secret. Each kind has an encryption key of its own.
        about: the row that the secret belongs to. It cannot be decrypted in another row.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(_derived(token_key, purpose)).encrypt(nonce, plain, about.encode())


def decrypt(encrypted: bytes, token_key: bytes, *, purpose: bytes, about: str) -> bytes | None:
    """Decrypt a secret; None if it was encrypted with another token key, as another kind or for another row."""
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
    # A derived key: the key that seals tokens does not encrypt.
    return hmac.digest(token_key, purpose, "sha256")
