"""
What an API asks of an access token, held against the one that a request brings (RFC 6750, RFC 8707, RFC 9470).

Every kind of view is guarded by these functions: plain Django, Django REST framework, django-ninja, an ASGI application.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, cast

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured

from .. import conf
from ..protocol import bearer, protected_resource, resource_indicators, scope, step_up
from ..protocol.errors import (
    BearerError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MalformedBearer,
    TemporarilyUnavailable,
)
from ..protocol.secret import Secret
from ..tokens import access_token
from ..tokens.access_token import Bearer
from ..tokens.resources import still_open
from ..web.programs import NO_STORE, NOT_SNIFFED, ProgramResponse, fail_in_json, refuse_in_json
from ..web.requests import ProgramRequest, query_parameters

if TYPE_CHECKING:
    from .remote import RemoteBearer

AnyBearer: TypeAlias = "Bearer | RemoteBearer"
Scopes = str | Iterable[str]
EVERY_METHOD = ""

# Every scope that views ask for, by the resource that they name, as far as they have been imported; "" for none.
_asked: dict[str, set[str]] = defaultdict(set)
# Requirements that ask how the person signed in, for a system check.
step_ups: list["Requirement"] = []


class MethodNotAllowed(Exception):
    """
    Scopes are named by method, and not for this one.

    Args:
        allowed: the methods that there are.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """
    What an API asks of a token. of() makes one of what a developer writes.

    Attributes:
        scopes: by method; under EVERY_METHOD those of all methods.
        allow_clients: whether a client's own token will do, which stands for no user (RFC 6749 section 4.4).
        resource: identifier of the API; "" for OAUTH_SERVICE_RESOURCE.
        acr: values of which the sign-in must have reached one; () for any sign-in.
        max_age: how many seconds ago the person may have signed in; None for any time.
    """

    scopes: Mapping[str, tuple[str, ...]]
    allow_clients: bool = False
    resource: str = ""
    acr: tuple[str, ...] = ()
    max_age: int | None = None

    @classmethod
    def of(
        cls,
        scopes: Scopes | Mapping[str, Scopes],
        *,
        allow_clients: bool = False,
        resource: str = "",
        acr: Scopes = (),
        max_age: int | None = None,
    ) -> "Requirement":
        """
        Make one of what a developer writes.

        Args:
            scopes: space-delimited or a list; a dict says them by method. A method that it does not name is not allowed, but
                HEAD is as GET, and OPTIONS asks for any good token.
            acr: space-delimited or a list.
        """
        by_method = scopes if isinstance(scopes, Mapping) else {EVERY_METHOD: scopes}
        named = tuple((method.upper(), _words(each)) for method, each in by_method.items())
        return _declared(named, allow_clients, resource, _words(acr), max_age)

    @property
    def asks_for_sign_in(self) -> bool:
        """Whether it matters how and when the person signed in (RFC 9470)."""
        return bool(self.acr) or self.max_age is not None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that scopes are named for; () for all."""
        if EVERY_METHOD in self.scopes:
            return ()
        named = dict.fromkeys(self.scopes)
        return tuple(dict.fromkeys([*named, *(["HEAD"] if "GET" in named else []), "OPTIONS"]))

    def scope_of(self, method: str) -> tuple[str, ...]:
        """
        The scopes that a request needs.

        Raises:
            MethodNotAllowed: they are named by method, and this one is not among them.
        """
        for each in (method, "GET" if method == "HEAD" else "", EVERY_METHOD):
            if each in self.scopes:
                return self.scopes[each]
        if method == "OPTIONS":
            return ()
        raise MethodNotAllowed(self.methods)

    def challenge(self, refusal: BearerError, method: str) -> dict[str, str]:
        """
        What stands in WWW-Authenticate besides the refusal: where the metadata of the API is, and the scope that it asks for.

        Nothing for an API that names no resource (RFC 9728 section 5.1, RFC 6750 section 3).
        """
        if refusal.status not in (401, 403):
            return {}
        if not (address := protected_resource.metadata_url(self.resource or conf.RESOURCE())):
            return {}
        try:
            wanted = " ".join(self.scope_of(method))
        except MethodNotAllowed:
            wanted = ""
        return ({"scope": wanted} if wanted else {}) | {"resource_metadata": address}


def scopes_of(required_scope: tuple[str | Mapping[str, Scopes], ...]) -> Scopes | Mapping[str, Scopes]:
    """
    What the arguments of a guard say: scopes, or one dict of them by method.

    Raises:
        ImproperlyConfigured: a dict beside other scopes.
    """
    if not any(isinstance(each, Mapping) for each in required_scope):
        return [each for each in required_scope if isinstance(each, str)]
    if len(required_scope) > 1:
        raise ImproperlyConfigured("Scopes are either named one by one, or all of them by method in one dict.")
    return required_scope[0]


def scopes_asked_at(resource: str) -> tuple[str, ...]:
    """Every scope that views ask for that belong to a resource; those that name none belong to OAUTH_SERVICE_RESOURCE."""
    own = _asked.get("", ()) if resource == conf.RESOURCE() else ()
    return tuple(sorted({*_asked.get(resource, ()), *own}))


def scopes_asked_without_resource() -> frozenset[str]:
    """Every scope that views ask for that name no resource."""
    return frozenset(_asked.get("", ()))


def scopes_asked_anywhere() -> frozenset[str]:
    """Every scope that views ask for."""
    return frozenset(each for asked in _asked.values() for each in asked)


def resources_asked() -> frozenset[str]:
    """The identifiers of all resources that views name."""
    return frozenset(_asked) - {""}


def is_bearer(found: object) -> "TypeGuard[AnyBearer]":
    """Tell whether this is what stands for a good token."""
    if isinstance(found, Bearer) or not conf.REMOTE_ISSUERS():
        return isinstance(found, Bearer)
    from .remote import RemoteBearer

    return isinstance(found, RemoteBearer)


def admit(request: ProgramRequest, wanted: Requirement, *, now: datetime) -> AnyBearer:
    """
    Verify the access token of a request, and hold it against what the API asks for.

    Raises:
        BearerError: there is no token that would do (RFC 6750 section 3.1).
        MethodNotAllowed: the token is good, but the API has no such method.
    """
    found = admit_any(request, wanted, now=now)
    hold(found, wanted, request.method, now=now)
    return found


def admit_any(request: ProgramRequest, wanted: Requirement, *, now: datetime) -> AnyBearer:
    """
    Verify the access token of a request, and that it is for this API, whatever its scope and user.

    Raises:
        MissingToken, MalformedBearer, InvalidToken: as their names say.
        TemporarilyUnavailable: another issuer's, which cannot be asked at the moment.
    """
    if not conf.REMOTE_ISSUERS():
        found: AnyBearer = bearer_of(request, now=now)
        refuse_others(found, wanted.resource)
        return found
    from . import remote  # who trusts no other issuers never comes here

    found = remote.verify(token_of(request), issuer=conf.issuer_of(request), now=now)
    refuse_others(found, wanted.resource)
    return found if isinstance(found, Bearer) else remote.with_user(found)


def hold(found: AnyBearer, wanted: Requirement, method: str, *, now: datetime) -> None:
    """
    Hold a good token, which is for this API, against what else the API asks for.

    Raises:
        InsufficientScope: it stands for nobody, or lacks scope.
        InsufficientUserAuthentication: the person must sign in more strongly, or anew.
        MethodNotAllowed: the API has no such method.
    """
    asked = wanted.scope_of(method)
    if not wanted.allow_clients:
        refuse_nobody(found, *asked)
    refuse_less(found, *asked)
    if wanted.asks_for_sign_in:
        refuse_weaker(found, wanted, now=now)


def refusal(request: ProgramRequest, wanted: Requirement, why: Exception) -> ProgramResponse:
    """
    The answer to a request whose token will not do, or could not be looked up.

    Args:
        why: as admit() has raised it.
    """
    if isinstance(why, MethodNotAllowed):
        answer = ProgramResponse(405, headers=(("Allow", ", ".join(why.allowed)),))
    elif isinstance(why, BearerError):
        answer = refuse_in_json(request.path, why, challenge=wanted.challenge(why, request.method))
    elif isinstance(why, TemporarilyUnavailable):
        answer = refuse_in_json(request.path, why)
    else:
        answer = fail_in_json(request.path, why)
    return ProgramResponse(answer.status, answer.body, (*answer.headers, NOT_SNIFFED, *NO_STORE))


def bearer_of(request: ProgramRequest, *, now: datetime) -> Bearer:
    """
    Verify the access token of a request, which this server has issued: one statement.

    Raises:
        MissingToken, MalformedBearer, InvalidToken: as their names say (RFC 6750 section 3.1).
    """
    return access_token.verify(token_of(request), issuer=conf.issuer_of(request), now=now)


def token_of(request: ProgramRequest) -> Secret:
    """
    The access token of a request.

    Raises:
        MissingToken, MalformedBearer: as their names say (RFC 6750 section 3.1).
    """
    try:
        query = frozenset(query_parameters(request)) if request.query_string else frozenset[str]()
    except InvalidRequest as cause:
        raise MalformedBearer(cause.description) from cause
    return Secret(bearer.token_of(request.authorization, query=query))


def refuse_less(bearer: AnyBearer, *required_scope: str) -> None:
    """
    Hold a token's scope against what a resource asks for.

    Raises:
        InsufficientScope: something is missing.
    """
    wanted = " ".join(required_scope)
    if not scope.covers(" ".join(bearer.scope), wanted, implies=conf.implied_scopes()):
        raise InsufficientScope(
            "the access token does not cover this", scope=wanted, detail=f"{bearer.source}: needs {wanted!r}"
        )


def refuse_others(bearer: AnyBearer, resource: str = "") -> None:
    """
    Hold a token's audience against the resource that is asked (RFC 8707 section 3).

    A token with an audience costs one statement more: whether the resource is still active, and for this client.

    Args:
        resource: its identifier; "" for OAUTH_SERVICE_RESOURCE.

    Raises:
        InvalidToken: it is for others, or the resource was switched off, deleted, or taken from the client.
    """
    wanted = resource or conf.RESOURCE()
    if not resource_indicators.is_for(bearer.audience, resource, default=conf.RESOURCE()):
        raise InvalidToken(
            "the access token is for another resource",
            detail=f"{bearer.source}: for {sorted(bearer.audience) or 'no resource in particular'}, not {wanted}",
        )
    # Whom another issuer lets ask for it is for that issuer to say.
    if isinstance(bearer, Bearer) and bearer.audience and not still_open((wanted,), bearer.client):
        raise InvalidToken(
            "the access token is not valid",
            detail=f"{bearer.source}: {wanted} is gone, switched off, or not for the client any more",
        )


def refuse_weaker(bearer: AnyBearer, wanted: Requirement, *, now: datetime) -> None:
    """
    Hold the sign-in that a token came from against what a resource asks for (RFC 9470 section 3).

    Raises:
        InsufficientUserAuthentication: not strong enough, not recent enough, or nothing is known of it.
    """
    step_up.check(
        bearer.event,
        acr=wanted.acr,
        max_age=wanted.max_age,
        source=bearer.source,
        now=now,
    )


def refuse_nobody(bearer: AnyBearer, *required_scope: str) -> None:
    """
    Refuse a client's own token, which stands for nobody.

    Args:
        required_scope: of a token that would do, for the challenge.

    Raises:
        InsufficientScope: it is one.
    """
    if not bearer.is_of_person:
        raise InsufficientScope(
            "the access token stands for no user, and this needs one",
            scope=" ".join(required_scope),
            detail=f"{bearer.source}: its own token",
        )


def user_of(bearer: Bearer, *required_scope: str) -> AbstractBaseUser:
    """
    The user of a token of this server; the arguments are those of refuse_nobody().

    Raises:
        InsufficientScope: it is a client's own, and stands for nobody.
    """
    refuse_nobody(bearer, *required_scope)
    return cast("AbstractBaseUser", bearer.user)


@cache  # as many as a project writes down, however often a view is made anew
def _declared(
    named: tuple[tuple[str, tuple[str, ...]], ...],
    allow_clients: bool,
    resource: str,
    acr: tuple[str, ...],
    max_age: int | None,
) -> Requirement:
    scopes = MappingProxyType(dict(named))
    made = Requirement(scopes=scopes, allow_clients=allow_clients, resource=resource, acr=acr, max_age=max_age)
    _asked[resource].update(*scopes.values())
    if made.asks_for_sign_in:
        step_ups.append(made)
    return made


def _words(texts: Scopes) -> tuple[str, ...]:
    words = texts.split() if isinstance(texts, str) else [word for each in texts for word in each.split()]
    return tuple(dict.fromkeys(words))
