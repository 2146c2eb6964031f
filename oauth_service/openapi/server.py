"""What the description needs to know of the server that it describes."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..protocol.grant_type import GrantTypeDescription

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """
    A server as its settings have made it.

    url is absolute, without a trailing slash; scopes maps a scope to what it lets an app do; grant_types are those of the token
    endpoint, in its order; has_devices tells whether devices are connected (RFC 8628), has_registration whether clients
    register themselves, has_client_documents whether a document at their client_id introduces them, has_global_revocation
    whether one call ends all that a user has; the cookies are those of Django's session and CSRF protection.
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
