"""What a grant type says about itself (RFC 6749 section 1.3); forms, OpenAPI and metrics derive from it."""

from collections.abc import Callable
from dataclasses import dataclass


def always() -> bool:
    """Every server has it."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTypeDescription:
    """
    One grant type.

    Attributes:
        name: value of the grant_type parameter; also its label in the metrics.
        clause: the specification that defines its token request.
        meaning: words for the admin; may be a lazy translation.
        required, optional: names of its parameters, besides those of client authentication.
        repeatable: those of them that may be sent more than once.
        renews: whether it only renews what another grant type gave.
        is_on: tells whether this server has it now.
    """

    name: str
    clause: str
    meaning: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    repeatable: frozenset[str] = frozenset()
    renews: bool = False
    is_on: Callable[[], bool] = always
