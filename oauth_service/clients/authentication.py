"""Authentication of the client behind a request (RFC 6749 section 2.3, RFC 7521 section 4.2)."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import check_password

from .. import conf, signals
from ..guard import throttle
from ..models import Client, ClientRow, ClientWithConsent, Consent
from ..protocol import client_assertion, client_authentication
from ..protocol.client_authentication import Credentials
from ..protocol.errors import InvalidClient, TooManyFailures, UnknownClient
from ..protocol.parameters import Parameters
from ..protocol.secret import Secret
from . import assertion, previous_secret

WRONG_SECRET = "wrong secret"

_MOST_REMEMBERED = 1024
_process_key = secrets.token_bytes(32)
_remembered: set[bytes] = set()
_refuted: OrderedDict[bytes, None] = OrderedDict()
_remembering = threading.Lock()


class _RefutedSlowly(Exception):
    """The secret is wrong, and the failure has been counted already."""


def authenticate(
    credentials: Credentials, request: conf.RequestOrigin, *, now: datetime, loaded: ClientRow | None = None
) -> ClientRow:
    """
    Authenticate the client of a request.

    Args:
        credentials: the credentials in the request.
        request: the request, for the URL of this server that an assertion must name.
        loaded: the client of the code or token in the request, read together with it. If it is the client that the
            credentials name, this saves a statement; otherwise it is ignored.

    Raises:
        InvalidClient: the client is unknown or inactive, or its secret or assertion is wrong or missing; the log says
            which.
        TooManyFailures: too many failures came from this address, whether the client exists or not. A secret that is
            cheap to check, because the server made it or it was checked before, is accepted even then: a flood from the
            same address must not lock the client out.
    """
    client_id = credentials.client_id
    client = loaded if loaded and loaded.client_id == client_id else Client.objects.row(client_id)
    # An unknown client_id may be anything, for instance a secret in the wrong field, so it is not logged as it is.
    name = client.client_id if client else conf.claimed_name(client_id)
    reason = "no such client"
    try:
        if client and not (reason := _fault_of(client, credentials, request, now=now)):
            return client
        limit = (
            throttle.CLIENTS if client and client.uses_secret and _has_chosen_secret(client) else throttle.UNGUESSABLE
        )
        limit.count_failure(name)
    except _RefutedSlowly:
        reason = WRONG_SECRET
    except TooManyFailures:
        signals.announce(signals.client_refused, client_id=name, reason="throttled")
        raise
    signals.announce(signals.client_refused, client_id=name, reason=reason)
    raise InvalidClient("client authentication failed", detail=f"client {name!r}: {reason}")


def authenticate_confidential(credentials: Credentials, request: conf.RequestOrigin, *, now: datetime) -> ClientRow:
    """
    Authenticate the client of a request, for endpoints that public clients may not use.

    Raises:
        InvalidClient: as from authenticate(), or the client is public, so that anyone can use its client_id.
        TooManyFailures: as from authenticate().
    """
    client = authenticate(credentials, request, now=now)
    if client.is_public:
        raise InvalidClient("client authentication failed", detail=f"client {client.client_id}: it is public")
    return client


def client_with_consent(parameters: Parameters, *, user_id: Any = None, now: datetime) -> ClientWithConsent:
    """
    Return the client that an authorization request names, and what this user allowed it. Nothing is proven yet.

    Raises:
        UnknownClient: client_id is missing, or no active client has it.
        InvalidRequest: client_id is repeated.
    """
    client_id = parameters.get("client_id")
    if not client_id:
        raise UnknownClient("client_id is missing")
    found = Consent.objects.client_with_consent(client_id=client_id, user_id=user_id, now=now)
    if not found:
        raise UnknownClient(
            "client_id is unknown", detail=f"no client has this client_id, logged as {conf.claimed_name(client_id)!r}"
        )
    if not found.client.is_active:
        raise UnknownClient("client_id is not active", detail=f"client {client_id} was deactivated")
    return found


def forget_secrets() -> None:
    """Forget which secrets were right or wrong, so that each is checked slowly again."""
    with _remembering:
        _remembered.clear()
        _refuted.clear()
    previous_secret.forget()


def _fault_of(client: ClientRow, credentials: Credentials, request: conf.RequestOrigin, *, now: datetime) -> str:
    if not client.is_active:
        return "it was deactivated"
    if client.is_public:
        return "" if credentials.are_empty else "it is public and has no secret, but one was sent"
    registered = client.token_endpoint_auth_method
    if registered in client_assertion.METHODS or credentials.assertion:
        # No other method is accepted: otherwise the weakest one would decide the security of all (RFC 9700 section
        # 2.5).
        if credentials.method != registered:
            return f"it is registered for {registered or 'its secret'}, but used {credentials.method}"
        return assertion.fault_of(client, credentials, request, now=now)
    if not credentials.secrets:
        return "it is confidential, but no secret was sent"
    if not client.secret_hashes:
        return "it is confidential, but no secret was ever set"
    if registered and credentials.method != registered:
        # A registered method says where the secret may be sent (RFC 7591 section 2).
        return f"it is registered for {registered}, but used {credentials.method}"
    proven_by = _hash_that_proves(client, credentials.secrets)
    if proven_by is None:
        return WRONG_SECRET
    if proven_by is client.previous_secret_hash:
        previous_secret.was_used(client, now=now)
    return ""


def _has_chosen_secret(client: ClientRow) -> bool:
    return not all(client_authentication.is_server_made(kept.reveal()) for kept in client.secret_hashes)


def _hash_that_proves(client: ClientRow, secrets: Iterable[Secret]) -> Secret | None:
    doubtful = []
    for secret in secrets:
        for kept in client.secret_hashes:
            if client_authentication.is_server_made(kept.reveal()):
                if client_authentication.matches(secret, kept.reveal()):
                    return kept
                continue
            # A secret that a person chose is slow to check, on purpose. Only the first request to a process pays for
            # that: the result is remembered under a digest that only this process can make.
            digest = hmac.digest(_process_key, f"{kept.reveal()}\0{secret.reveal()}".encode(), hashlib.sha256)
            if digest in _remembered:
                return kept
            if not _is_refuted(digest):
                doubtful.append((digest, secret, kept))
    return _prove_slowly(client, doubtful) if doubtful else None


def _prove_slowly(client: ClientRow, doubtful: Iterable[tuple[bytes, Secret, Secret]]) -> Secret:
    """Return the hash that one of these secrets matches, else raise _RefutedSlowly."""
    with throttle.CLIENTS.slow_check(client.client_id):
        for digest, secret, kept in doubtful:
            # Another thread may have checked it while this one waited for its turn.
            if digest in _remembered or check_password(secret.reveal(), kept.reveal()):
                _remember(digest)
                throttle.CLIENTS.record_passed_check(client.client_id)
                return kept
            _refute(digest)
        throttle.CLIENTS.record_failed_check()
        # Count the failure now, and not where other failures are counted: the next in turn must see it.
        throttle.CLIENTS.count_failure(client.client_id)
    raise _RefutedSlowly


def _remember(digest: bytes) -> None:
    with _remembering:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered.add(digest)


def _refute(digest: bytes) -> None:
    with _remembering:
        _refuted[digest] = None
        if len(_refuted) > _MOST_REMEMBERED:
            _refuted.popitem(last=False)


def _is_refuted(digest: bytes) -> bool:
    with _remembering:
        if digest in _refuted:
            _refuted.move_to_end(digest)
            return True
    return False
