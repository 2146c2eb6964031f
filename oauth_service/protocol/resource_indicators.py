"""Resource indicators: the APIs that a token is requested for (RFC 8707)."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from . import scope as scopes
from .errors import InvalidTarget
from .parameters import Parameters

PARAMETER = "resource"
MOST_RESOURCES = 5  # in one request: the token contains them all, and the size of headers is limited
LONGEST_IDENTIFIER = 255


def fault_of(identifier: str) -> str:
    """
    Say why a text cannot identify a resource; return "" if it can.

    "Its value MUST be an absolute URI [...] The URI MUST NOT include a fragment component" (section 2).
    """
    if len(identifier) > LONGEST_IDENTIFIER:
        return f"is longer than {LONGEST_IDENTIFIER} characters"
    if not identifier.isascii() or not identifier.isprintable() or any(each in identifier for each in ' "<>\\^`{|}'):
        return "has characters that no URI has"
    if "#" in identifier:
        return "has a fragment"
    try:
        parts = urlsplit(identifier)
    except ValueError:
        return "is not a URI"
    if (
        not parts.scheme
        or not (parts.netloc or parts.path)
        or (parts.scheme in ("http", "https") and not parts.hostname)
    ):
        return "is not absolute"
    return ""


def requested(parameters: Parameters) -> tuple[str, ...]:
    """
    Return the resources that a request names, in order and without repeats; () for none in particular.

    Raises:
        InvalidTarget: malformed, or too many.
    """
    named = tuple(dict.fromkeys(parameters.get_all(PARAMETER)))
    if len(named) > MOST_RESOURCES:
        raise InvalidTarget(f"more than {MOST_RESOURCES} resources were named")
    for identifier in named:
        if fault := fault_of(identifier):
            raise InvalidTarget(
                "resource must be an absolute URI without a fragment", detail=f"{identifier[:200]!r} {fault}"
            )
    return named


def narrowed(named: Collection[str], *, within: Collection[str]) -> tuple[str, ...]:
    """
    Return the resources of a token request, which must be among those of its grant.

    Args:
        named: in the request; empty for all of them.
        within: the resources of the grant.

    Raises:
        InvalidTarget: one that the user was not asked about. "The authorization server [...] MUST NOT" widen the grant:
            the resources of a token request are "a subset of the resources" of the grant (section 2.2).
    """
    if beyond := [each for each in named if each not in within]:
        raise InvalidTarget(
            "resource was not part of the authorization request", detail=f"not requested before: {beyond!r}"
        )
    return tuple(named) or tuple(within)


def read(text: str) -> dict[str, str]:
    """Read the text of a consent: the scope that was allowed for each resource, by identifier."""
    lines = (line.partition(" ") for line in text.splitlines())
    return {identifier: scope for identifier, _space, scope in lines if identifier}


def added(text: str, at: Mapping[str, str]) -> str:
    """Return the text of a consent after more was allowed."""
    known = read(text)
    together = known | {each: scopes.union(known.get(each, ""), scope) for each, scope in at.items()}
    return "\n".join(f"{identifier} {scope}".rstrip() for identifier, scope in together.items())


def is_for(audience: Collection[str], resource: str, *, default: str) -> bool:
    """
    Tell whether a token may be used at a resource.

    Args:
        audience: of the token; empty if it was requested without a resource.
        resource: the protected one; "" for the default.
        default: the resource of requests that name none; "" if the server has none, and then a token with an audience is for
            others.
    """
    wanted = resource or default
    return wanted in audience if audience else wanted == default
