"""What a grant type says about itself (RFC 6749 section 1.3); forms, OpenAPI and metrics derive from it."""

from collections.abc import Callable
from dataclasses import dataclass

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


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
        needs_issuer: whether it asks for the issuer identifier of this server, also without OpenID Connect.
    """

    name: str
    clause: str
    meaning: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    repeatable: frozenset[str] = frozenset()
    renews: bool = False
    is_on: Callable[[], bool] = always
    needs_issuer: bool = False
