"""A client secret that the server has to read again, as it is the key of MACs (client_secret_jwt); it is encrypted."""

from .. import conf, encryption
from ..protocol.secret import Secret

_PURPOSE = b"oauth_service client secret"


def seal_secret(secret: Secret, client_id: str) -> bytes:
    """Encrypt a client secret under the present token key; in the row of another client it cannot be read."""
    return encryption.encrypt(secret.reveal().encode(), conf.token_keys()[0], purpose=_PURPOSE, about=client_id)


def open_secret(sealed: bytes, client_id: str) -> tuple[Secret, bool]:
    """
    Read a client secret again.

    Returns:
        the secret, empty if no token key of this server has encrypted it; and whether an earlier one than the present did.
    """
    for position, token_key in enumerate(conf.token_keys()):
        plain = encryption.decrypt(sealed, token_key, purpose=_PURPOSE, about=client_id)
        if plain is not None:
            return Secret(plain.decode()), position > 0
    return Secret(""), False
