"""What a request presents: a code or token as it claims to be, read together with what it stands for in one statement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from ..models import AuthorisationRow, ClientRow
from ..protocol import sealed
from ..protocol.sealed import Payload, Unverified

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class PresentedToken(Generic[P]):
    """
    A code or token before anything about it was decided; the client that sent it is not proven yet either.

    claim is None for a text that cannot be read, row is None for one whose row does not exist.
    """

    claim: Unverified[P] | None
    row: AuthorisationRow | None

    @property
    def client(self) -> ClientRow | None:
        """Whose it is."""
        return self.row.client if self.row else None


def present(kind: type[P], text: str, row: Callable[[UUID], AuthorisationRow | None]) -> PresentedToken[P]:
    """
    Read a code or token and what it stands for.

    Args:
        text: as sent, "" for none.
        row: finds the row that it names.
    """
    try:
        claim = sealed.read(kind, text)
    except sealed.Unproven:
        return PresentedToken(None, None)  # said once the client is known
    return PresentedToken(claim, row(claim.row_id))
