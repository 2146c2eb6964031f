"""What a request presents: a code or token as it claims to be, read together with what it stands for in one statement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from .models import ClientRow, Facts
from .protocol import sealed
from .protocol.sealed import Claim, Payload

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Presented(Generic[P]):
    """
    A code or token before anything about it was decided; the client that sent it is not proven yet either.

    claim is None for a text that cannot be read, facts is None for one whose row does not exist.
    """

    claim: Claim[P] | None
    facts: Facts | None

    @property
    def client(self) -> ClientRow | None:
        """Whose it is."""
        return self.facts.client if self.facts else None


def present(kind: type[P], text: str, facts: Callable[[UUID], Facts | None]) -> Presented[P]:
    """
    Read a code or token and what it stands for.

    Args:
        text: as sent, "" for none.
        facts: finds the row that it names.
    """
    try:
        claim = sealed.read(kind, text)
    except sealed.Unproven:
        return Presented(None, None)  # said once the client is known
    return Presented(claim, facts(claim.row_id))
