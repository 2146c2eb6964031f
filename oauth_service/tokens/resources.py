"""The resources that a token is asked for, allowed and looked up (RFC 8707)."""

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
    """Those of one request; none if it names none. Only what for_client() has found makes one that is not empty."""

    rows: tuple[ResourceRow, ...] = ()

    @property
    def audience(self) -> tuple[str, ...]:
        """Their identifiers, in the order of the request."""
        return tuple([row.identifier for row in self.rows])

    @property
    def jwt(self) -> ResourceRow | None:
        """The one resource that its tokens are made for as JWTs; several have none, as none could trust the others' tokens."""
        is_jwt = len(self.rows) == 1 and self.rows[0].is_jwt and conf.is_openid()
        return self.rows[0] if is_jwt else None

    def within(self, scope: str) -> str:
        """What is left of a scope at these resources: their own, and the server's. All of it without resources."""
        if not self.rows:
            return scope
        return scopes.intersection(scope, " ".join(self.names), implies=conf.implied_scopes())

    @property
    def names(self) -> frozenset[str]:
        """Every scope that means something at them: their own, and the server's."""
        return frozenset({*conf.SCOPES(), *(name for row in self.rows for name in row.words)})

    def at(self, scope: str) -> Mapping[str, str]:
        """What a scope comes to at each of them, by identifier: all but what only another one knows."""
        return {
            row.identifier: " ".join(name for name in scope.split() if name not in self._foreign_to(row))
            for row in self.rows
        }

    def consented(self, text: str, scope: str) -> str:
        """
        What of a scope was shown and allowed before, at every one of them where it means something.

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
        Those at which something is allowed of what was shown there; all of them if that is nowhere.

        Args:
            scope: that was allowed.
        """
        allowed, asked = set(scope.split()), set(shown.split())
        left = [row for row in self.rows if allowed & row.words.keys() or not asked & row.words.keys()]
        return Resources(rows=tuple(left)) if left else self  # without a resource a token is for something else

    def _foreign_to(self, row: ResourceRow) -> Collection[str]:
        return self.names.difference(conf.SCOPES(), row.words)

    def lifetime(self, client: ClientRow) -> timedelta | None:
        """The shortest of an access token's lifetimes that they and the client set; None if nobody does."""
        if not self.rows:
            return client.access_token_lifetime
        own = [row.access_token_lifetime for row in self.rows]
        return min((each for each in (client.access_token_lifetime, *own) if each), default=None)


NONE = Resources()


def allowed(named: Sequence[str], client: ClientRow) -> Resources:
    """
    Look up what a client asks for: one statement, none without resources.

    Raises:
        InvalidTarget: one is unknown, switched off, or not for this client; the client does not learn which.
    """
    if not named:
        return NONE
    rows = Resource.objects.for_client(named, client.pk)
    if missing := set(named) - {row.identifier for row in rows}:
        raise InvalidTarget(
            "resource is unknown, or this client may not ask for it",
            detail=f"client {client.client_id}: {sorted(missing)!r} unknown, switched off, or not for it",
        )
    return Resources(rows=rows)


def of_grant(granted: str, parameters: Parameters, client: ClientRow) -> Resources:
    """
    The resources of a token that is made from a code or a grant: one statement, none if it is for none in particular.

    Args:
        granted: identifiers that the person was shown, separated by spaces.
        parameters: resource, for fewer of them (RFC 8707 section 2.2).

    Raises:
        InvalidTarget: one that was not shown, or that is unknown, switched off or not for this client by now. If the request
            names none, those that are left; none at all is refused, too: without a resource a token is for something else.
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
        "none of the resources is left", detail=f"client {client.client_id}: {wanted!r} are gone, off or not for it now"
    )


def left_of(named: Sequence[str], client_pk: int) -> Resources:
    """Those of these identifiers that are active, and for this client: one statement, none without any."""
    return Resources(rows=Resource.objects.for_client(named, client_pk))


def still_open(audience: Collection[str], client: ClientRow) -> frozenset[str]:
    """
    Those of a token's resources that are still active, and for this client: one statement, none without any.

    The server's own (OAUTH_SERVICE_RESOURCE) is everybody's: a token that was asked for without a resource is for it, too.
    """
    own = {conf.RESOURCE()} & set(audience)
    rows = Resource.objects.for_client(sorted(set(audience) - own), client.pk)
    return frozenset(own | {row.identifier for row in rows})
