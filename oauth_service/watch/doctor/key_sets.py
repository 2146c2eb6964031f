"""Findings about the key sets of issuers and clients whose JWTs are accepted: failed fetches, and unused issuers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ...protocol.freshness import STALE
from .finding import Finding, error, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """
    An active trusted issuer, or an active client that signs its assertions.

    Attributes:
        name: its issuer identifier, or its client_id.
        is_issuer: True for an issuer, False for a client.
        is_for_nobody: True for an issuer whose JWTs no client may present.
        jwks_uri: the URL of its keys; "" if the keys themselves are registered.
        fetched_at, fresh_until: of the stored copy; None if it was never fetched successfully.
        last_error: the reason why the last fetch failed; "" if it did not.
    """

    name: str
    is_issuer: bool
    is_for_nobody: bool = False
    jwks_uri: str = ""
    fetched_at: datetime | None = None
    fresh_until: datetime | None = None
    last_error: str = ""


def findings(holder: Holder, *, now: datetime) -> Iterator[Finding]:
    """Judge one holder of keys. A copy that is merely old is no fault: it is fetched again when it is needed."""
    if holder.is_for_nobody:
        yield warning(
            "issuer-for-nobody",
            "The issuer is trusted, but no client may present its JWTs.",
            why="The server refuses every JWT of this issuer.",
            remedy="Add the clients that may present its JWTs, or deactivate the issuer.",
            about=holder.name,
        )
    if not holder.last_error:
        return
    signs = "JWTs of this issuer" if holder.is_issuer else "assertions of this client"
    why_it_failed = f"{holder.jwks_uri} could not be fetched: {holder.last_error}."
    remedy = (
        f"Check that this address responds with a key set. If the address has changed, correct the {_column(holder)}."
    )
    ends_at = holder.fresh_until + STALE if holder.fetched_at and holder.fresh_until else None
    if ends_at is None or ends_at <= now:
        yield error(
            "key-set-gone",
            f"The server has no usable copy of its keys, and {why_it_failed}",
            why=f"The server refuses all {signs}.",
            remedy=remedy,
            about=holder.name,
        )
    elif holder.fresh_until and holder.fresh_until <= now:
        yield warning(
            "key-set-stale",
            f"The copy of its keys is from {holder.fetched_at:%Y-%m-%d %H:%M} UTC, and {why_it_failed}",
            why="A key that was withdrawn since then is still accepted. "
            f"From {ends_at:%Y-%m-%d %H:%M} UTC, the server refuses all {signs}.",
            remedy=remedy,
            about=holder.name,
        )


def _column(holder: Holder) -> str:
    return "URL of the public keys" if holder.is_issuer else "jwks_uri of the client"
