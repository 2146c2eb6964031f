"""Facts about a server that its description depends on."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..protocol.grant_type import GrantTypeDescription

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """
    A server, as its settings describe it.

    Attributes:
        url: absolute, without a trailing slash.
        scopes: meaning of each scope, in words.
        grant_types: those of the token endpoint, in its order.
        has_devices: devices can be connected (RFC 8628).
        has_registration: clients can register themselves.
        has_client_documents: a document at its client_id can introduce a client.
        has_global_revocation: one call can end all connections and sessions of a user.
        session_cookie, csrf_cookie: names of the cookies of Django's sessions and CSRF protection.
    """

    url: str
    name: str
    scopes: Mapping[str, str]
    grant_types: tuple[GrantTypeDescription, ...]
    has_devices: bool
    has_registration: bool
    has_client_documents: bool
    has_global_revocation: bool
    session_cookie: str
    csrf_cookie: str
