"""Authenticate the client behind a request (RFC 6749 section 2.3)."""

import hashlib
import hmac
import secrets
import threading
from typing import Any

from django.contrib.auth.hashers import check_password

from . import signals
from .models import Client, ClientRow, Consent, Standing
from .protocol import client_authentication
from .protocol.client_authentication import Credentials
from .protocol.errors import InvalidClient, UnverifiedTarget
from .protocol.parameters import Parameters

_MOST_REMEMBERED = 1024
_process_key = secrets.token_bytes(32)
_remembered: set[bytes] = set()
_remembering = threading.Lock()


def authenticate(credentials: Credentials, *, loaded: ClientRow | None = None) -> ClientRow:
    """
    The client that a request comes from, proven.

    Args:
        credentials: what the request brings.
        loaded: the client of the code or token in the request, read with it; it counts only if it is the one that the
            credentials name, and saves a statement then.

    Raises:
        InvalidClient: unknown, inactive, or its secret is wrong or missing; the log has which.
    """
    client_id = credentials.client_id
    client = loaded if loaded and loaded.client_id == client_id else Client.objects.row(client_id)
    if client and not (reason := _fault_of(client, credentials)):
        return client
    reason = reason if client else "no such client"
    signals.announce(signals.client_refused, client_id=client_id[:100], reason=reason)
    raise InvalidClient("client authentication failed", detail=f"client {client_id[:100]!r}: {reason}")


def standing(parameters: Parameters, *, user_id: Any = None) -> Standing:
    """
    The client that an authorization request names, and what this user has allowed it; nothing is proven yet.

    Raises:
        UnverifiedTarget: client_id is missing, or no active client has it.
        InvalidRequest: client_id is repeated.
    """
    client_id = parameters.get("client_id")
    if not client_id:
        raise UnverifiedTarget("client_id is missing")
    standing = Consent.objects.standing(client_id=client_id, user_id=user_id)
    if not standing:
        raise UnverifiedTarget("client_id is unknown", detail=f"no client {client_id[:100]!r}")
    if not standing.client.is_active:
        raise UnverifiedTarget("client_id is not active", detail=f"client {client_id} was deactivated")
    return standing


def _fault_of(client: ClientRow, credentials: Credentials) -> str:
    if not client.is_active:
        return "it was deactivated"
    if client.is_public:
        return "it is public and has no secret, but one was sent" if credentials.secrets else ""
    if not credentials.secrets:
        return "it is confidential, but no secret was sent"
    if not client.secret_hashes:
        return "it is confidential, but no secret was ever set"
    if any(_is_secret(secret, kept) for secret in credentials.secrets for kept in client.secret_hashes):
        return ""
    return "wrong secret"


def _is_secret(secret: str, secret_hash: str) -> bool:
    if client_authentication.is_server_made(secret_hash):
        return client_authentication.matches(secret, secret_hash)
    # A person's secret is slow to check on purpose. Only the first request of a process pays for it: what was right once
    # is remembered under a digest that only this process can make.
    digest = hmac.digest(_process_key, f"{secret_hash}\0{secret}".encode(), hashlib.sha256)
    if digest in _remembered:
        return True
    if not check_password(secret, secret_hash):
        return False
    with _remembering:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered.add(digest)
    return True
