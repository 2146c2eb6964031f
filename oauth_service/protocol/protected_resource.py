"""OAuth 2.0 Protected Resource Metadata (RFC 9728)."""

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"
BEARER_METHODS = ("header",)


def metadata_url(identifier: str) -> str:
    """
    Where clients look for the metadata of a resource: the well-known path stands between its host and its path (section 3.1).

    Args:
        identifier: of the resource.

    Returns:
        an absolute URL; "" for an identifier that is no URL, such as a URN: nobody could look it up.
    """
    parts = urlsplit(identifier)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        return ""
    # "any terminating slash (/) following the host component MUST be removed"
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{path}{query}"


def identifiers_at(*, scheme: str, host: str, path: str, query: str = "") -> tuple[str, ...]:
    """
    Every identifier whose metadata is looked for at an address, the likeliest first.

    Args:
        scheme: that the request came by. A proxy may have ended TLS before: the other one counts as well.
        host: with its port.
        path: what follows the well-known path, without its first slash; "" for the host's own resource.
        query: of the request.
    """
    schemes = dict.fromkeys([scheme, "https", "http"])
    # Frameworks decode the path; an identifier has it as it was sent.
    paths = dict.fromkeys([quote(f"/{path}", safe="/:@!$&'()*+,;=~"), f"/{path}"] if path else ["", "/"])
    queries = [f"?{query}", ""] if query else [""]
    return tuple(f"{each}://{host}{way}{rest}" for each in schemes for way in paths for rest in queries)


def document(
    *, resource: str, authorization_servers: Iterable[str], scopes: Iterable[str], name: str = ""
) -> dict[str, object]:
    """
    What clients need to know of a resource (section 2).

    Args:
        resource: its identifier.
        authorization_servers: issuers whose tokens it takes.
        scopes: that its requests ask for; the member is left out if there are none.
        name: for people; "" for none.
    """
    members = {
        "resource": resource,
        "authorization_servers": list(authorization_servers),
        "scopes_supported": list(scopes),
        "bearer_methods_supported": list(BEARER_METHODS),
        "resource_name": name,
    }
    # "Parameters with zero values MUST be omitted from the response" (section 3.2).
    return {member: value for member, value in members.items() if value}
