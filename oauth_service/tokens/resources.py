"""The resources that a token is asked for, allowed and looked up (RFC 8707)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from .. import conf
from ..models import ClientRow, Resource, ResourceRow
from ..protocol import scope as scopes
from ..protocol.errors import InvalidTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Those of one request; none if it names none. Only allowed() makes one that is not empty."""

    rows: tuple[ResourceRow, ...] = ()

    @property
    def audience(self) -> tuple[str, ...]:
        """Their identifiers, in the order of the request."""
        return tuple(row.identifier for row in self.rows)

    @property
    def jwt(self) -> ResourceRow | None:
        """The one resource that its tokens are made for as JWTs; several have none, as none could trust the others' tokens."""
        is_jwt = len(self.rows) == 1 and self.rows[0].is_jwt and conf.is_openid()
        return self.rows[0] if is_jwt else None

    def within(self, scope: str) -> str:
        """What is left of a scope at these resources: their own, and the server's. All of it without resources."""
        if not self.rows:
            return scope
        names = {*conf.SCOPES(), *(name for row in self.rows for name in row.words)}
        return scopes.intersection(scope, " ".join(names))

    def lifetime(self, client: ClientRow) -> timedelta | None:
        """The shortest of an access token's lifetimes that they and the client set; None if nobody does."""
        own = [row.access_token_lifetime for row in self.rows]
        return min((each for each in (client.access_token_lifetime, *own) if each), default=None)


def allowed(named: Sequence[str], client: ClientRow) -> Resources:
    """
    Look up what a client asks for: one statement, none without resources.

    Raises:
        InvalidTarget: one is unknown, switched off, or not for this client; the client does not learn which.
    """
    if not named:
        return Resources()
    rows = Resource.objects.for_client(named, client.pk)
    if missing := set(named) - {row.identifier for row in rows}:
        raise InvalidTarget(
            "resource is unknown, or this client may not ask for it",
            detail=f"client {client.client_id}: {sorted(missing)!r} unknown, switched off, or not for it",
        )
    return Resources(rows=rows)
