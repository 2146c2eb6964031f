"""The resources that a token is requested for: permission and lookup (RFC 8707)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .. import conf
from ..models import ClientRow, Resource, ResourceRow
from ..protocol import resource_indicators
from ..protocol import scope as scopes
from ..protocol.errors import InvalidTarget
from ..protocol.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources of a request; empty if it names none. Only rows that for_client() has found may be in it."""

    rows: tuple[ResourceRow, ...] = ()

    @property
    def audience(self) -> tuple[str, ...]:
        """Identifiers, in the order of the request."""
        return tuple([row.identifier for row in self.rows])

    @property
    def jwt(self) -> ResourceRow | None:
        """The only resource, if its tokens are JWTs; None for several, as each could use the same JWT at the others."""
        is_jwt = len(self.rows) == 1 and self.rows[0].is_jwt and conf.is_openid()
        return self.rows[0] if is_jwt else None

    def within(self, scope: str) -> str:
        """Reduce a scope to the names of these resources and of the server; unchanged without resources."""
        if not self.rows:
            return scope
        return scopes.intersection(scope, " ".join(self.names), implies=conf.implied_scopes())

    @property
    def names(self) -> frozenset[str]:
        """All scopes of these resources and of the server."""
        return frozenset({*conf.SCOPES(), *(name for row in self.rows for name in row.words)})

    def at(self, scope: str) -> Mapping[str, str]:
        """Return the part of a scope that concerns each resource, by identifier: all but names of other resources."""
        return {
            row.identifier: " ".join(name for name in scope.split() if name not in self._foreign_to(row))
            for row in self.rows
        }

    def consented(self, text: str, scope: str) -> str:
        """
        Return the names in a scope that were allowed before, at each resource that they concern.

        Args:
            text: Consent.resources.
        """
        implies = conf.implied_scopes()
        before = {each: scopes.expanded(said, implies) for each, said in resource_indicators.read(text).items()}
        at = self.at(scope)
        if not at.keys() <= before.keys():
            return ""
        return " ".join(
            name
            for name in scope.split()
            if all(name in before[each].split() for each, means in at.items() if name in means.split())
        )

    def left_with(self, scope: str, *, shown: str) -> "Resources":
        """
        Return the resources at which something was allowed, or nothing was shown; all of them if there are none.

        Args:
            scope: the allowed one.
            shown: the scope that the user saw.
        """
        allowed, asked = set(scope.split()), set(shown.split())
        left = [row for row in self.rows if allowed & row.words.keys() or not asked & row.words.keys()]
        return Resources(rows=tuple(left)) if left else self  # a token without a resource would be for something else

    def _foreign_to(self, row: ResourceRow) -> Collection[str]:
        return self.names.difference(conf.SCOPES(), row.words)

    def lifetime(self, client: ClientRow) -> timedelta | None:
        """Return the shortest access token lifetime that the resources and the client set; None if they set none."""
        if not self.rows:
            return client.access_token_lifetime
        own = [row.access_token_lifetime for row in self.rows]
        return min((each for each in (client.access_token_lifetime, *own) if each), default=None)


NONE = Resources()


def allowed(named: Sequence[str], client: ClientRow) -> Resources:
    """
    Look up the resources that a client asks for. This takes one SQL statement, or none without resources.

    Raises:
        InvalidTarget: one is unknown, switched off, or not for this client; the response does not say which.
    """
    if not named:
        return NONE
    rows = Resource.objects.for_client(named, client.pk)
    if missing := set(named) - {row.identifier for row in rows}:
        raise InvalidTarget(
            "resource is unknown, or this client may not ask for it",
            detail=f"client {client.client_id}: {sorted(missing)!r} unknown, not active, or not for this client",
        )
    return Resources(rows=rows)


def of_grant(granted: str, parameters: Parameters, client: ClientRow) -> Resources:
    """
    Return the resources of a token made from a code or a grant. This takes one SQL statement, or none without resources.

    Args:
        granted: identifiers that the user was shown, separated by spaces.
        parameters: resource, for fewer of them (RFC 8707 section 2.2).

    Raises:
        InvalidTarget: a named resource was not shown, or is now unknown, switched off or not for this client. A request that
            names none gets those that are left; if none is left it is refused, too, because a token without a resource
            would be for something else.
    """
    named = resource_indicators.requested(parameters)
    if not named and not granted:
        return NONE
    wanted = resource_indicators.narrowed(named, within=granted.split())
    if named or not wanted:
        return allowed(wanted, client)
    if (left := left_of(wanted, client.pk)).rows:
        return left
    raise InvalidTarget(
        "none of the resources is left",
        detail=f"client {client.client_id}: {wanted!r} deleted, not active or no longer for this client",
    )


def left_of(named: Sequence[str], client_pk: int) -> Resources:
    """Return those of the resources that are active and for this client. This takes one SQL statement, or none without any."""
    return Resources(rows=Resource.objects.for_client(named, client_pk))


def still_open(audience: Collection[str], *clients: ClientRow) -> frozenset[str]:
    """
    Return those of a token's resources that are still active and for these clients. One SQL statement for each client,
    or none without resources.

    The server's own resource (OAUTH_SERVICE_RESOURCE) is open to every client: tokens requested without a resource are for it.

    Args:
        clients: the client that has the token, and for an exchanged token the clients that it came from.
    """
    own = {conf.RESOURCE()} & set(audience)
    left = set(audience) - own
    for client in clients:
        left = {row.identifier for row in Resource.objects.for_client(sorted(left), client.pk)}
    return frozenset(own | left)
