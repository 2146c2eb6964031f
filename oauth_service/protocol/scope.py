"""
Access token scope (RFC 6749 section 3.3).

A scope may imply others: `notes` may include `notes:read`. Functions that compare scopes take this into account.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from .errors import InvalidScope

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")

Implied = Mapping[str, tuple[str, ...]]
"""Scope → all scopes that it implies, directly or through others. See closure()."""
NOTHING: Implied = MappingProxyType({})


def closure(declared: Mapping[str, str]) -> Implied:
    """
    Return all scopes that each scope implies, directly or through others.

    Args:
        declared: scope → scopes that it implies directly, space-delimited. In a circle each implies the others.
    """

    def below(name: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        waiting = declared[name].split()
        while waiting:
            if (each := waiting.pop(0)) not in found:
                found[each] = None
                waiting += declared.get(each, "").split()
        return tuple(each for each in found if each != name)

    return {name: below(name) for name in declared}


def circular(declared: Mapping[str, str]) -> tuple[str, ...]:
    """Return the scopes that imply themselves, directly or through others: a circle of scopes would be one scope."""
    implies = closure(declared)
    return tuple(
        name
        for name, direct in declared.items()
        if name in direct.split() or any(name in implies.get(each, ()) for each in implies[name])
    )


def expanded(text: str, implies: Implied = NOTHING) -> str:
    """Return a scope with all that it implies; its own names first."""
    if not implies:
        return text
    tokens = text.split()
    return " ".join(dict.fromkeys([*tokens, *(each for token in tokens for each in implies.get(token, ()))]))


def parse(text: str) -> tuple[str, ...]:
    """
    Split a space-delimited scope; the order sent is kept, repeats are dropped.

    Raises:
        InvalidScope: a character that is not allowed in a scope-token.
    """
    tokens = tuple(dict.fromkeys(token for token in text.split(" ") if token))
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        raise InvalidScope("the scope contains a character that is not allowed")
    return tokens


def requested(text: str, *, allowed: str, implies: Implied = NOTHING) -> str:
    """
    Return the scope of an authorization request.

    Args:
        text: the scope parameter; "" for all that the client may have.
        allowed: what the client may have.

    Returns:
        space-delimited, in the order requested.

    Raises:
        InvalidScope: malformed, wider than allowed, or empty.
    """
    return narrowed(text, within=allowed, implies=implies) or _refuse_nothing()


def narrowed(text: str, *, within: str, implies: Implied = NOTHING) -> str:
    """
    Return the scope of a refresh request, which "MUST NOT include any scope not originally granted" (RFC 6749 section 6).

    Args:
        text: the scope parameter; "" for all of `within`.
        within: the granted scope.

    Raises:
        InvalidScope: malformed, or wider than granted.
    """
    tokens, allowed = parse(text), parse(within)
    may_have = set(expanded(within, implies).split())
    if not set(tokens) <= may_have:
        excess = " ".join(token for token in tokens if token not in may_have)
        raise InvalidScope("the scope is unknown or wider than allowed", detail=f"not allowed: {excess[:200]!r}")
    return " ".join(tokens or allowed)


def intersection(first: str, second: str, *, implies: Implied = NOTHING) -> str:
    """Return the names that both scopes have or imply, in the order of the first."""
    kept = set(expanded(second, implies).split())
    found = [token for token in first.split() if token in kept]
    if implies:
        # Implied by the first and allowed by the second, unless a kept name implies it already.
        found += [
            token
            for token in expanded(first, implies).split()
            if token in kept and token not in expanded(" ".join(found), implies).split()
        ]
    return " ".join(found)


def union(first: str, second: str) -> str:
    """Return the names that either scope has, those of the first one first."""
    return " ".join(dict.fromkeys([*first.split(), *second.split()]))


def covers(granted: str, wanted: str, *, implies: Implied = NOTHING) -> bool:
    """Tell whether granted has or implies all of wanted."""
    return set(wanted.split()) <= set(expanded(granted, implies).split())


def _refuse_nothing() -> str:
    raise InvalidScope("no scope was asked for and the client has none by default")
