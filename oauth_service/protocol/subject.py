"""Subject identifiers (OpenID Connect Core 1.0 section 8)."""

import base64
import hmac
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from .errors import ServerError


class SubjectClient(Protocol):
    """The columns that decide which sub a client sees."""

    @property
    def client_id(self) -> str: ...
    @property
    def subject_type(self) -> str: ...
    @property
    def sector_identifier_uri(self) -> str: ...
    @property
    def redirect_uri_list(self) -> tuple[str, ...]: ...


def subject_of(user_id: object, client: SubjectClient, *, pairwise_key: bytes) -> str:
    """
    Return the sub of a user at a client, which never changes.

    Args:
        user_id: primary key of the user.
        pairwise_key: secret of the server; only pairwise subjects need it.

    Raises:
        ServerError: the client is pairwise, but the server has no pairwise key, or the client no sector.
    """
    if client.subject_type != "pairwise":
        return str(user_id)
    sector = sector_of(client.sector_identifier_uri, client.redirect_uri_list)
    if not pairwise_key or not sector:
        raise ServerError(
            "the server cannot name the user to this client",
            detail=f"client {client.client_id} is pairwise: OAUTH_SERVICE_PAIRWISE_KEY or its sector is missing",
        )
    # Section 8.1: "The Subject Identifier value MUST NOT be reversible by any party other than the OpenID Provider."
    digest = hmac.digest(pairwise_key, f"{sector}\0{user_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def sector_of(sector_identifier_uri: str, redirect_uris: Iterable[str]) -> str:
    """Return the host that pairwise subjects are computed from; "" if the redirect URIs have several hosts, or none."""
    if sector_identifier_uri:
        return urlsplit(sector_identifier_uri).hostname or ""
    hosts = {urlsplit(uri).hostname or "" for uri in redirect_uris}
    return hosts.pop() if len(hosts) == 1 else ""
