"""What a person allows of a scope that they are shown (RFC 6749 section 3.3)."""

from collections.abc import Collection
from enum import Enum

from . import scope
from .parameters import Parameters

MARKER = "scopes_chosen"
"""Parameter of a consent page that has boxes to tick; a form without it allows all that it shows."""
TICKED = "allow_scope"
"""Parameter of each box that is ticked; scopes without a box stand there, too, separated by spaces."""


class Offered(Enum):
    """For which clients there are boxes."""

    UNCHECKED = "unchecked"
    ALWAYS = "always"
    NEVER = "never"


def ticked(parameters: Parameters) -> frozenset[str] | None:
    """The scopes that a form says are ticked; None if its page had no boxes."""
    return parameters.words(TICKED) if MARKER in parameters else None


def is_offered(when: Offered, *, is_vouched_for: bool) -> bool:
    """
    Tell whether a person may choose among the scopes that a client asks for.

    Args:
        is_vouched_for: whether the operator stands for the client.
    """
    return when is Offered.ALWAYS or (when is Offered.UNCHECKED and not is_vouched_for)


def optional(
    shown: str, *, required: Collection[str], before: str = "", implies: scope.Implied = scope.NOTHING
) -> tuple[str, ...]:
    """
    The scopes that a person may untick: those that are asked about.

    Args:
        shown: all that is asked for.
        required: what no app here goes without.
        before: what they have allowed before, if the client may rely on that; it is shown, and not asked about again.
    """
    settled = _needed(required) | set(scope.expanded(before, implies).split())
    return tuple(name for name in shown.split() if name not in settled)


def granted(shown: str, ticked: Collection[str] | None, *, required: Collection[str]) -> str:
    """
    What of a scope a person has allowed, in its order; "" for nothing.

    Whatever else a form names as ticked was not shown, and is not given.

    Args:
        ticked: None for all that was shown.
        required: what no app here goes without: there is no box for it.
    """
    if ticked is None:
        return shown
    needed = _needed(required)
    return " ".join(name for name in shown.split() if name in ticked or name in needed)


def _needed(required: Collection[str]) -> set[str]:
    # Without openid the answer is another one (OpenID Connect Core section 3.1.2.1): the app waits for an ID token.
    return {"openid", *required}
