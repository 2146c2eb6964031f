"""Signing elsewhere: in a KMS or HSM, by an object of the host project (OAUTH_SERVICE_SIGNER)."""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from django.utils.module_loading import import_string

from .. import conf


class Signer(Protocol):
    """
    What the object that OAUTH_SERVICE_SIGNER names must have. Its methods are called from several threads.

    Whatever they raise is logged with its traceback, and the client is told to try again (503).
    """

    def public_jwks(self) -> Sequence[Mapping[str, object]]:
        """
        The public keys as JWKs (RFC 7517), each with its kid and alg.

        Of each alg the first signs, the others are published. Asked once every few minutes a process.
        """

    def sign(self, kid: str, alg: str, signing_input: bytes) -> bytes:
        """
        Sign.

        Args:
            kid, alg: of a key that public_jwks() has named.
            signing_input: the bytes to sign (RFC 7515 section 5.1).

        Returns:
            the signature as JWS has it (RFC 7518 section 3): for ES256 R and S, 32 bytes each, not the DER that most services
            answer.
        """


def load(path: str) -> Signer:
    """
    Find the object.

    Args:
        path: dotted path of it, or of a function or class that makes it when called without arguments.

    Raises:
        ImportError: nothing is there.
        TypeError: it is not as Signer says.
    """
    found = import_string(path)
    if callable(found) and (isinstance(found, type) or not hasattr(found, "public_jwks")):
        found = found()
    if not callable(getattr(found, "public_jwks", None)) or not callable(getattr(found, "sign", None)):
        raise TypeError(f"{conf.SIGNER.name}: {path} has no public_jwks() and sign()")
    return cast("Signer", found)
