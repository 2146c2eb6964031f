"""A user's choice among the scopes that a consent page shows (RFC 6749 section 3.3)."""

from collections.abc import Collection
from enum import Enum

from . import scope
from .parameters import Parameters

MARKER = "scopes_chosen"
"""Parameter of a consent page with checkboxes; a form without it allows everything shown."""
TICKED = "allow_scope"
"""Parameter of each ticked checkbox; it also holds the scopes without a checkbox, separated by spaces."""


class Offered(Enum):
    """The clients whose consent pages have checkboxes."""

    UNCHECKED = "unchecked"
    ALWAYS = "always"
    NEVER = "never"


def ticked_scopes(parameters: Parameters) -> frozenset[str] | None:
    """Return the scopes that are ticked in a form; None if its page had no checkboxes."""
    return parameters.words(TICKED) if MARKER in parameters else None


def is_offered(when: Offered, *, is_vouched_for: bool) -> bool:
    """
    Tell whether users may choose among the scopes that a client asks for.

    Args:
        is_vouched_for: True if the operator vouches for the client.
    """
    return when is Offered.ALWAYS or (when is Offered.UNCHECKED and not is_vouched_for)


def optional(
    shown: str, *, required: Collection[str], before: str = "", implies: scope.Implied = scope.NOTHING
) -> tuple[str, ...]:
    """
    Return the scopes that a user may untick.

    Args:
        shown: the requested scope.
        required: scopes that every app here needs.
        before: scope that the user has allowed before, if the client may rely on that; it is shown, but not asked about again.
    """
    settled = _needed(required) | set(scope.expanded(before, implies).split())
    return tuple(name for name in shown.split() if name not in settled)


def granted(shown: str, ticked: Collection[str] | None, *, required: Collection[str]) -> str:
    """
    Return the part of a scope that a user has allowed, in its order; "" for nothing.

    Other scopes in the form were not shown, and are not granted.

    Args:
        ticked: None for all that was shown.
        required: scopes that every app here needs: they have no checkbox.
    """
    if ticked is None:
        return shown
    needed = _needed(required)
    return " ".join(name for name in shown.split() if name in ticked or name in needed)


def _needed(required: Collection[str]) -> set[str]:
    # Without openid the response would be another one (OpenID Connect Core section 3.1.2.1): the app expects an ID token.
    return {"openid", *required}
