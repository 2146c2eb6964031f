"""OAuth 2.0 Protected Resource Metadata (RFC 9728)."""

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"
BEARER_METHODS = ("header",)


def metadata_url(identifier: str) -> str:
    """
    Return the URL of a resource's metadata: the well-known path is inserted between host and path (section 3.1).

    Args:
        identifier: of the resource.

    Returns:
        an absolute URL; "" for an identifier that is not a URL, such as a URN: it has no such address.
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
    Return all resource identifiers whose metadata can be at an address, the likeliest first.

    Args:
        scheme: of the request. A proxy may have ended TLS, so the other scheme counts, too.
        host: with its port.
        path: the part after the well-known path, without its first slash; "" for the host's own resource.
        query: of the request.
    """
    schemes = dict.fromkeys([scheme, "https", "http"])
    # Frameworks decode the path; an identifier has the encoded one.
    paths = dict.fromkeys([quote(f"/{path}", safe="/:@!$&'()*+,;=~"), f"/{path}"] if path else ["", "/"])
    queries = [f"?{query}", ""] if query else [""]
    return tuple(f"{each}://{host}{way}{rest}" for each in schemes for way in paths for rest in queries)


def document(
    *,
    resource: str,
    authorization_servers: Iterable[str],
    scopes: Iterable[str],
    name: str = "",
    documentation_uri: str = "",
    policy_uri: str = "",
    tos_uri: str = "",
) -> dict[str, object]:
    """
    Return the metadata of a resource for clients (section 2).

    Args:
        resource: its identifier.
        authorization_servers: issuers whose tokens it accepts.
        scopes: those that its requests need; the member is left out if there are none.
        name: for people; "" for none.
        documentation_uri: URL of the documentation for developers; "" for none.
        policy_uri: URL of the requirements on how clients may use the data; "" for none.
        tos_uri: URL of the terms of service; "" for none.
    """
    members = {
        "resource": resource,
        "authorization_servers": list(authorization_servers),
        "scopes_supported": list(scopes),
        "bearer_methods_supported": list(BEARER_METHODS),
        "resource_name": name,
        "resource_documentation": documentation_uri,
        "resource_policy_uri": policy_uri,
        "resource_tos_uri": tos_uri,
    }
    # "Parameters with zero values MUST be omitted from the response" (section 3.2).
    return {member: value for member, value in members.items() if value}
