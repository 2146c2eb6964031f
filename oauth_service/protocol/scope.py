"""Access token scope (RFC 6749 section 3.3)."""

import re

from .errors import InvalidScope

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def parse(text: str) -> tuple[str, ...]:
    """
    Split a space-delimited scope; the order sent is kept, repeats are dropped.

    Raises:
        InvalidScope: a character that no scope-token may have.
    """
    tokens = tuple(dict.fromkeys(token for token in text.split(" ") if token))
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        raise InvalidScope("the scope contains a character that is not allowed")
    return tokens


def requested(text: str, *, allowed: str) -> str:
    """
    The scope of an authorization request.

    Args:
        text: the scope parameter; "" stands for all that the client may have.
        allowed: what the client may have.

    Returns:
        space-delimited, in the order requested.

    Raises:
        InvalidScope: malformed, wider than allowed, or nothing at all.
    """
    return narrowed(text, within=allowed) or _refuse_nothing()


def narrowed(text: str, *, within: str) -> str:
    """
    The scope of a refresh request, which "MUST NOT include any scope not originally granted" (RFC 6749 section 6).

    Args:
        text: the scope parameter; "" stands for the whole of within.
        within: what was granted.

    Raises:
        InvalidScope: malformed, or wider than granted.
    """
    tokens, allowed = parse(text), parse(within)
    if not set(tokens) <= set(allowed):
        excess = " ".join(token for token in tokens if token not in allowed)
        raise InvalidScope("the scope is unknown or wider than allowed", detail=f"not allowed: {excess[:200]!r}")
    return " ".join(tokens or allowed)


def intersection(first: str, second: str) -> str:
    """What stands in both scopes, in the order of the first."""
    kept = set(second.split())
    return " ".join(token for token in first.split() if token in kept)


def union(first: str, second: str) -> str:
    """What stands in either scope, the first's order first."""
    return " ".join(dict.fromkeys([*first.split(), *second.split()]))


def covers(granted: str, wanted: str) -> bool:
    """Tell whether all of wanted is in granted."""
    return set(wanted.split()) <= set(granted.split())


def _refuse_nothing() -> str:
    raise InvalidScope("no scope was asked for and the client has none by default")
