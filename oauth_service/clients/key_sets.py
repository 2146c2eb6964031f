"""
The public keys of clients and issuers: registered ones, or those at their jwks_uri (RFC 7517 section 5).

A process keeps a fetched key set for REREAD_SECONDS, so that a signature takes no statement. If the set lacks a key,
the row is read again, and then the origin is asked, at most once a minute.
"""

import time
from collections import OrderedDict
from collections.abc import Collection
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from ..models import Client, Document, TrustedIssuer
from ..outbound import documents
from ..protocol import client_assertion, jwk_set
from ..protocol.jwt import InvalidJWT, UnverifiedJWT

if TYPE_CHECKING:
    from ..tokens.jwk_set import KeySet

REREAD_SECONDS = 30.0
MOST_BYTES = 64 * 1024
_MOST_HELD = 512

_held: OrderedDict[str, tuple[float, "KeySet"]] = OrderedDict()
_holding = Lock()


class HasKeys(Protocol):
    """The columns of a client or issuer that signs. One of them is set."""

    @property
    def jwks(self) -> str: ...
    @property
    def jwks_uri(self) -> str: ...


def is_available() -> bool:
    """Return whether the extra `oidc`, which verifies signatures, is installed, without importing it."""
    global _is_available
    if _is_available is None:
        _is_available = all(find_spec(name) for name in ("cryptography", "httpcore", "joserfc"))
    return _is_available


_is_available: bool | None = None


class KeysUnavailable(InvalidJWT):
    """The key set cannot be fetched, and there is no usable copy. Nothing is known to be wrong with the JWT."""


def verify_signature(jwt: UnverifiedJWT, signer: HasKeys) -> None:
    """
    Verify the signature of a JWT with the keys of its signer. The caller has checked its algorithm.

    Raises:
        InvalidJWT: none of the signer's keys made the signature, or the keys are not available.
    """
    try:
        keys = _keys_of(signer)
        candidates = keys.candidates(jwt)
        if not candidates and signer.jwks_uri:
            candidates = _keys_at(signer.jwks_uri, again=False).candidates(jwt)
            candidates = candidates or _keys_at(signer.jwks_uri, again=True).candidates(jwt)
    except documents.DocumentUnavailable as fault:
        raise KeysUnavailable(f"the key set cannot be had: {fault.detail}") from None
    except ValueError as fault:
        raise InvalidJWT(f"the key set cannot be used: {fault}") from None
    if not candidates:
        raise InvalidJWT(f"no key {jwt.kid[:100]!r} for {jwt.algorithm} is in the key set")
    if not any(key.has_signed(jwt) for key in candidates):
        raise InvalidJWT("no key of the key set verifies the signature")


def fault_of_client(client: Client) -> tuple[str, str]:
    """Return why a registered client cannot authenticate by assertions, as column and sentence; ("", "") if it can."""
    if client.token_endpoint_auth_method not in client_assertion.METHODS:
        return "", ""
    if not is_available():
        return "token_endpoint_auth_method", "Install django-oauth-service[oidc] first: it verifies signatures."
    if client.seals_secret:
        return "", ""
    method, algorithm = client.token_endpoint_auth_method, client.token_endpoint_auth_signing_alg
    return fault_of(client, algorithms=client_assertion.algorithms_of(method, algorithm))


def fault_of_issuer(issuer: TrustedIssuer) -> tuple[str, str]:
    """Return why an issuer's keys cannot be used, as column and sentence; ("", "") if they can."""
    if not is_available():
        return "issuer", "Install django-oauth-service[oidc] first: it verifies signatures."
    return fault_of(issuer, algorithms=issuer.algorithm_list)


def fault_of(signer: HasKeys, *, algorithms: Collection[str]) -> tuple[str, str]:
    """
    Return why keys cannot be registered, as column and sentence; ("", "") if they can, or there are none.

    Args:
        algorithms: the keys must support at least one of them.
    """
    if signer.jwks_uri:
        from ..outbound import fetch

        if fault := fetch.fault_of(signer.jwks_uri):
            return "jwks_uri", f"{signer.jwks_uri} {fault}."
    if signer.jwks:
        from ..tokens import jwk_set as key_set

        try:
            keys = key_set.load(signer.jwks)
        except ValueError as fault:
            return "jwks", str(fault)
        if not keys.fits(algorithms):
            return "jwks", f"No key of it is for {' or '.join(algorithms)}."
    return "", ""


def forget() -> None:
    """Forget the key sets that this process has cached."""
    with _holding:
        _held.clear()


def _keys_of(signer: HasKeys) -> "KeySet":
    from ..tokens import jwk_set as key_set

    if signer.jwks:
        return key_set.load(signer.jwks)
    if not signer.jwks_uri:
        raise ValueError("none is registered")
    held = _held.get(signer.jwks_uri)
    if held and time.monotonic() < held[0]:
        return held[1]
    return _keys_at(signer.jwks_uri, again=False)


def _keys_at(jwks_uri: str, *, again: bool) -> "KeySet":
    from ..tokens import jwk_set as key_set

    read = documents.read_again if again else documents.read
    keys = key_set.load(read(jwks_uri, kind=Document.Kind.KEYS, rules=RULES).decode())
    with _holding:
        _held[jwks_uri] = (time.monotonic() + REREAD_SECONDS, keys)
        _held.move_to_end(jwks_uri)
        if len(_held) > _MOST_HELD:
            _held.popitem(last=False)
    return keys


def _keep(body: bytes) -> bytes:
    # Store only what was checked: an unusable document must not replace a good copy.
    text = body.decode()
    jwk_set.parse(text)
    return text.encode()


RULES = documents.Rules(accept="application/jwk-set+json, application/json", most_bytes=MOST_BYTES, keep=_keep)
