"""Signing outside of this server, in a KMS or HSM, by an object of the host project (OAUTH_SERVICE_SIGNER)."""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from django.utils.module_loading import import_string

from .. import conf


class Signer(Protocol):
    """
    The interface of the object that OAUTH_SERVICE_SIGNER names. Its methods are called from several threads.

    All exceptions are logged with their traceback, and the client is told to try again (503).
    """

    def public_jwks(self) -> Sequence[Mapping[str, object]]:
        """
        Return the public keys as JWKs (RFC 7517), each with its kid and alg.

        The first key of each alg signs, the others are only published. Each process asks once every few minutes.
        """

    def sign(self, kid: str, alg: str, signing_input: bytes) -> bytes:
        """
        Return a signature.

        Args:
            kid, alg: of a key that public_jwks() has returned.
            signing_input: the bytes to sign (RFC 7515 section 5.1).

        Returns:
            the signature in the form of JWS (RFC 7518 section 3): for ES256 R and S, 32 bytes each, not the DER form that most
            services return.
        """


def load(path: str) -> Signer:
    """
    Load the signer.

    Args:
        path: dotted path of the object, or of a function or class that returns it when called without arguments.

    Raises:
        ImportError: nothing has this path.
        TypeError: it does not have the methods of Signer.
    """
    found = import_string(path)
    if callable(found) and (isinstance(found, type) or not hasattr(found, "public_jwks")):
        found = found()
    if not callable(getattr(found, "public_jwks", None)) or not callable(getattr(found, "sign", None)):
        raise TypeError(f"{conf.SIGNER.name}: {path} has no public_jwks() and sign()")
    return cast("Signer", found)
