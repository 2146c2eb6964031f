"""Codes and tokens in requests, each read together with its row in one SQL statement."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from ..models import AuthorisationRow, ClientRow
from ..protocol import sealed
from ..protocol.errors import InvalidRequest
from ..protocol.parameters import Parameters
from ..protocol.sealed import Payload, Unverified
from ..values import value_class


class OfAClient(Protocol):
    """A row that belongs to a client."""

    @property
    def client(self) -> ClientRow: ...


P = TypeVar("P", bound=Payload)
R = TypeVar("R", bound=OfAClient)


@value_class(repr=False)
class Presented(Generic[P, R]):
    """
    A code or token that has not been checked, from a client that is not authenticated yet.

    row is None if the text cannot be read, if the row does not exist, and for a client's own access token.
    """

    row: R | None
    _read: Unverified[P] | InvalidRequest | sealed.Unproven

    @property
    def client(self) -> ClientRow | None:
        """The client that the code or token was issued to."""
        return self.row.client if self.row else None

    @property
    def unverified(self) -> Unverified[P]:
        """
        The claim of the code or token.

        Raises:
            InvalidRequest: the parameter is missing.
            Unproven: the text cannot be read.
        """
        if isinstance(self._read, Unverified):
            return self._read
        raise self._read


PresentedToken: TypeAlias = Presented[P, AuthorisationRow]


def nothing_presented() -> PresentedToken[Any]:
    """Return the result for a request that presents nothing apart from its client's credentials."""
    return Presented(None, sealed.Unproven("the token is not genuine", detail="no token was sent"))


def present(
    kind: type[P],
    parameters: Parameters,
    name: str,
    row: Callable[[UUID], R | None],
    *,
    read: Callable[[str], Unverified[P]] | None = None,
) -> Presented[P, R]:
    """
    Read a code or token and its row. Faults of the text are raised later, when the client is known.

    Args:
        name: of the parameter with the text.
        row: finds the row by its id.
        read: parses the text; None for the format of sealed.py.
    """
    try:
        text = parameters.require(name)
        unverified = read(text) if read else sealed.read(kind, text)
    except (InvalidRequest, sealed.Unproven) as fault:
        return Presented(None, fault)
    payload: Payload = unverified.payload
    if isinstance(payload, sealed.AccessToken) and payload.is_own:
        return Presented(None, unverified)  # its row is the client's, which is read by client_id
    return Presented(row(unverified.row_id), unverified)
