"""Encrypted client secrets, which the server has to read again as keys of MACs (client_secret_jwt)."""

from .. import conf, encryption
from ..protocol.secret import Secret

_PURPOSE = b"oauth_service client secret"


def seal_secret(secret: Secret, client_id: str) -> bytes:
    """Encrypt a client secret under the current token key. It can be decrypted only for the same client_id."""
    return encryption.encrypt(secret.reveal().encode(), conf.token_keys()[0], purpose=_PURPOSE, about=client_id)


def open_secret(sealed: bytes, client_id: str) -> tuple[Secret, bool]:
    """
    Decrypt a client secret.

    Returns:
        the secret, empty if no token key of this server encrypted it; and True if an earlier token key than the current
        one did.
    """
    for position, token_key in enumerate(conf.token_keys()):
        plain = encryption.decrypt(sealed, token_key, purpose=_PURPOSE, about=client_id)
        if plain is not None:
            return Secret(plain.decode()), position > 0
    return Secret(""), False
