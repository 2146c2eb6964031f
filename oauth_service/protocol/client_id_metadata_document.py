"""Client identifiers that are the URL of a document about the client (draft-ietf-oauth-client-id-metadata-document)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from . import redirect_uri, registration
from .errors import InvalidRequest

SCHEME = "https://"
LONGEST_URL = 250
MOST_BYTES = 16 * 1024
"""Size limit of a document. The draft recommends five kilobytes (section 8.7), but key sets can be longer."""

DEEPEST = 50
"""Nesting limit for brackets. Metadata needs four levels."""

METHODS = ("none", "private_key_jwt")
"""Methods of client authentication: all others need a secret that both sides share."""

_URL = re.compile(r"https://(?P<host>[a-z0-9\-.]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?(?P<path>/[^?]*)(?:\?.*)?")
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_PATTERN = re.compile(r"\*|\.?[a-z0-9\-]+(?:\.[a-z0-9\-]+)*")
_SECRETS = ("client_secret", "client_secret_expires_at")


def is_url(client_id: str) -> bool:
    """Tell whether a client_id is a URL, and therefore not one that this server has issued."""
    return client_id.startswith(SCHEME)


def fault_of_url(client_id: str) -> str:
    """
    Say why a URL cannot be a client_id; return "" if it can (section 3).

    The host must be in lower case and ASCII, without a trailing dot: each host has one spelling in the lists of hosts.
    """
    if len(client_id) > LONGEST_URL:
        return f"is longer than {LONGEST_URL} characters"
    if "#" in client_id:
        return "has a fragment"
    if not _CHARACTERS.fullmatch(client_id):
        return "has characters that no URI has"
    if "@" in client_id[: (client_id + "/").find("/", len(SCHEME))]:
        return "contains user information"
    parts = _URL.fullmatch(client_id)
    if not parts:
        return "is not an https URL with a host in lower case and a path"
    host = parts["host"]
    if host.endswith(".") or host.startswith(".") or ".." in host:
        return "names a host that is spelt in an unusual way"
    if any(unquote(segment) in (".", "..") for segment in parts["path"].split("/")):
        return "has a segment that is a dot or two"
    return ""


def host_of(client_id: str) -> str:
    """Return the host of a client_id for which fault_of_url() is ""."""
    return urlsplit(client_id).hostname or ""


def is_pattern(text: str) -> bool:
    """Tell whether a text is a pattern for is_among()."""
    return bool(_PATTERN.fullmatch(text))


def is_among(host: str, patterns: Iterable[str]) -> bool:
    """
    Tell whether a host matches one of the patterns.

    Args:
        patterns: as in Django's ALLOWED_HOSTS: a host, a dot and a host for it and all its subdomains, or * for any.
    """
    return any(
        pattern in ("*", host) or (pattern.startswith(".") and f".{host}".endswith(pattern)) for pattern in patterns
    )


def read(body: bytes, *, client_id: str) -> dict[str, Any]:
    """
    Read the members of a document and leave out what this server cannot use (sections 4 and 4.1).

    Args:
        client_id: the URL that the document was fetched from.

    Raises:
        ValueError: not a valid document; the message is a sentence for the operator.
    """
    if _depth(body) > DEEPEST:
        raise ValueError(f"its JSON is nested more than {DEEPEST} deep")
    try:
        members = registration.read(body)
    except InvalidRequest as fault:
        raise ValueError(str(fault)) from None
    # "comparisons MUST be made using simple string comparison" (section 4).
    if members.get("client_id") != client_id:
        raise ValueError("its client_id is not the URL that it was fetched from")
    if found := next((name for name in _SECRETS if name in members), ""):
        raise ValueError(f"it has {found}, but a published document cannot keep a secret")
    # RFC 7591's default is client_secret_basic, which a document cannot mean.
    method = members.setdefault("token_endpoint_auth_method", METHODS[0])
    if method not in METHODS:
        raise ValueError("its token_endpoint_auth_method is neither none nor private_key_jwt")
    members.pop(registration.SOFTWARE_STATEMENT, None)
    return members | _usable_redirects(members)


def _depth(body: bytes) -> int:
    """Return how deep the brackets of a text are nested; brackets within JSON strings count, too."""
    deepest = depth = 0
    for byte in body:
        if byte in b"[{":
            deepest = max(deepest, depth := depth + 1)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _usable_redirects(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members to replace: documents are written for every server, so redirect URIs that this one refuses are dropped."""
    uris = members.get("redirect_uris")
    if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        return {}
    usable = [uri for uri in uris if not redirect_uri.fault_of(uri)]
    # Any port of a loopback address is accepted for native clients only (RFC 8252 section 7.3), and only they have one.
    is_native = any(redirect_uri.is_loopback(uri) for uri in usable)
    return {"redirect_uris": usable} | ({"application_type": "native"} if is_native else {})
