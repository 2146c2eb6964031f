"""Other parties' key sets (RFC 7517 section 5): a client or an issuer registers them, or publishes them at its jwks_uri."""

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
        the public keys, unchanged, including those of unknown kinds (RFC 7517 section 5: they are ignored).

    Raises:
        ValueError: not a key set, or it has a private or symmetric key; the message contains nothing of the key.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("It is not JSON.") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError('It is not a key set, which has the form {"keys": [...]}.')
    if not 1 <= len(keys) <= MOST_KEYS:
        raise ValueError(f"A key set has between 1 and {MOST_KEYS} keys.")
    if any(_PRIVATE & key.keys() or key.get("kty") == "oct" for key in keys):
        # Everyone who can read this key can sign in its owner's name.
        raise ValueError("It holds a private or a symmetric key: register the public part alone, and replace that key.")
    return tuple(keys)


def fault_of(text: str) -> str:
    """Say why a text is not a set of public keys; return "" if it is."""
    try:
        parse(text)
    except ValueError as fault:
        return str(fault)
    return ""
