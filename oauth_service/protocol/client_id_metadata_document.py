"""A client_id that is the URL of a document which describes the client (draft-ietf-oauth-client-id-metadata-document)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from . import redirect_uri, registration
from .errors import InvalidRequest

SCHEME = "https://"
LONGEST_URL = 250
MOST_BYTES = 16 * 1024
"""Of a document. The draft recommends five kilobytes (section 8.7); key sets within one can be longer."""

DEEPEST = 50
"""So many brackets within each other. Metadata needs four."""

METHODS = ("none", "private_key_jwt")
"""Of client authentication: no other can do without a secret that both sides share."""

_URL = re.compile(r"https://(?P<host>[a-z0-9\-.]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?(?P<path>/[^?]*)(?:\?.*)?")
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_PATTERN = re.compile(r"\*|\.?[a-z0-9\-]+(?:\.[a-z0-9\-]+)*")
_SECRETS = ("client_secret", "client_secret_expires_at")


def is_url(client_id: str) -> bool:
    """Tell whether a client_id is a URL, and so none that this server has given to a client."""
    return client_id.startswith(SCHEME)


def fault_of_url(client_id: str) -> str:
    """
    Why a URL cannot be a client_id; "" if it can (section 3).

    The host is in lower case and in ASCII, without a dot at its end: one host has one spelling for the lists of hosts.
    """
    if len(client_id) > LONGEST_URL:
        return f"is longer than {LONGEST_URL} characters"
    if "#" in client_id:
        return "has a fragment"
    if not _CHARACTERS.fullmatch(client_id):
        return "has characters that no URI has"
    if "@" in client_id[: (client_id + "/").find("/", len(SCHEME))]:
        return "carries user information"
    parts = _URL.fullmatch(client_id)
    if not parts:
        return "is no https URL with a host in lower case and a path"
    host = parts["host"]
    if host.endswith(".") or host.startswith(".") or ".." in host:
        return "names a host that is spelt in an unusual way"
    if any(unquote(segment) in (".", "..") for segment in parts["path"].split("/")):
        return "has a segment that is a dot or two"
    return ""


def host_of(client_id: str) -> str:
    """The host of a URL that can be a client_id."""
    return urlsplit(client_id).hostname or ""


def is_pattern(text: str) -> bool:
    """Tell whether a text names hosts as is_among() takes them."""
    return bool(_PATTERN.fullmatch(text))


def is_among(host: str, patterns: Iterable[str]) -> bool:
    """
    Tell whether a host is one of those that patterns name.

    Args:
        patterns: as of Django's ALLOWED_HOSTS: a host, a dot before it for it and all below it, or * for any.
    """
    return any(
        pattern in ("*", host) or (pattern.startswith(".") and f".{host}".endswith(pattern)) for pattern in patterns
    )


def read(body: bytes, *, client_id: str) -> dict[str, Any]:
    """
    The members of a document, without what cannot be used (sections 4 and 4.1).

    Args:
        client_id: the URL that the document was fetched from.

    Raises:
        ValueError: it is no such document; a sentence for the operator.
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
        raise ValueError(f"it has {found}, and whatever stands in a document is no secret")
    # RFC 7591 has client_secret_basic as the default, which no document can mean.
    method = members.setdefault("token_endpoint_auth_method", METHODS[0])
    if method not in METHODS:
        raise ValueError("its token_endpoint_auth_method is neither none nor private_key_jwt")
    members.pop(registration.SOFTWARE_STATEMENT, None)
    return members | _usable_redirects(members)


def _depth(body: bytes) -> int:
    """How deep the brackets of a text are at most; those within JSON strings count, too."""
    deepest = depth = 0
    for byte in body:
        if byte in b"[{":
            deepest = max(deepest, depth := depth + 1)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _usable_redirects(members: Mapping[str, Any]) -> dict[str, Any]:
    """What takes the place of members: documents are written for every server, and list what one of them takes."""
    uris = members.get("redirect_uris")
    if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        return {}
    usable = [uri for uri in uris if not redirect_uri.fault_of(uri)]
    # The port of a loopback address is free for a native client alone (RFC 8252 section 7.3), and only an app has one.
    is_native = any(redirect_uri.is_loopback(uri) for uri in usable)
    return {"redirect_uris": usable} | ({"application_type": "native"} if is_native else {})
