"""Key sets of others (RFC 7517 section 5): what a client or an issuer registers, or publishes at its jwks_uri."""

import json
from collections.abc import Mapping
from typing import Any

MOST_KEYS = 32
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members that hold a private or a symmetric key (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1)."""


def parse(text: str) -> tuple[Mapping[str, Any], ...]:
    """
    Read a key set.

    Args:
        text: JSON: {"keys": [...]}.

    Returns:
        the public keys as they stand there; those of unknown kinds, too (RFC 7517 section 5: they are ignored).

    Raises:
        ValueError: it is no key set, or holds a private or symmetric key; a sentence without a word of the key.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("It is no JSON.") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError('It is no key set: {"keys": [...]} is one.')
    if not 1 <= len(keys) <= MOST_KEYS:
        raise ValueError(f"A key set has between 1 and {MOST_KEYS} keys.")
    if any(_PRIVATE & key.keys() or key.get("kty") == "oct" for key in keys):
        # Whoever could read it could sign in the name of its owner.
        raise ValueError("It holds a private or a symmetric key: register the public part alone, and replace that key.")
    return tuple(keys)


def fault_of(text: str) -> str:
    """Why a text is no key set of public keys; "" if it is one."""
    try:
        parse(text)
    except ValueError as fault:
        return str(fault)
    return ""
