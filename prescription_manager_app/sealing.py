"""Encryption at rest, so that a stolen database reveals no tokens."""

import base64
import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes


class UnreadableError(Exception):
    """The sealed text belongs to another owner, was altered, or its key is no longer in the settings."""

    def __str__(self) -> str:
        return "cannot be unsealed"


def seal(text: str, *, owner: str) -> bytes:
    """
    Encrypt text under SECRET_KEY for one row.

    Args:
        owner: id of the row; text copied into another row cannot be unsealed there.
    """
    return _keys().encrypt(json.dumps([owner, text]).encode())


def unseal(sealed: bytes | memoryview, *, owner: str) -> str:
    """
    Decrypt text from seal(), with SECRET_KEY or one of SECRET_KEY_FALLBACKS.

    Raises:
        UnreadableError: see there.
    """
    try:
        sealed_for, text = json.loads(_keys().decrypt(bytes(sealed)))
    except InvalidToken as error:
        raise UnreadableError from error
    if sealed_for != owner:
        raise UnreadableError
    return str(text)


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derived(secret: str | bytes) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"prescription_manager_app.sealing")
    return base64.urlsafe_b64encode(kdf.derive(force_bytes(secret)))
