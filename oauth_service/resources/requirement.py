"""
Requirements of an API, and the check of a request's access token against them (RFC 6750, RFC 8707, RFC 9470).

These functions guard every kind of view: plain Django, Django REST framework, django-ninja and ASGI applications.
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

# Every scope that the views imported so far require, by the resource that they name; "" for none.
_asked: dict[str, set[str]] = defaultdict(set)
# Requirements about the user's sign-in, for a system check.
step_ups: list["Requirement"] = []


class MethodNotAllowed(Exception):
    """
    Scopes are named by method, and this method is not among them.

    Args:
        allowed: the allowed methods.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """
    The conditions that a token must meet. Requirement.of() makes one from a developer's arguments.

    Attributes:
        scopes: by method; under EVERY_METHOD for all methods.
        allow_clients: True if a client's own token, which stands for no user, is accepted (RFC 6749 section 4.4).
        resource: identifier of the API; "" for OAUTH_SERVICE_RESOURCE.
        acr: values of which the sign-in must have reached one; () for any sign-in.
        max_age: how many seconds may have passed since the user signed in; None for any time.
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
        Make a requirement from a developer's arguments.

        Args:
            scopes: space-delimited or a list, or a dict of these by method. Other methods are not allowed then, except
                that HEAD is treated as GET, and OPTIONS needs any valid token.
            acr: space-delimited or a list.
        """
        by_method = scopes if isinstance(scopes, Mapping) else {EVERY_METHOD: scopes}
        named = tuple((method.upper(), _words(each)) for method, each in by_method.items())
        return _declared(named, allow_clients, resource, _words(acr), max_age)

    @property
    def asks_for_sign_in(self) -> bool:
        """True if the strength or time of the user's sign-in matters (RFC 9470)."""
        return bool(self.acr) or self.max_age is not None

    @property
    def methods(self) -> tuple[str, ...]:
        """The allowed methods; () for all."""
        if EVERY_METHOD in self.scopes:
            return ()
        named = dict.fromkeys(self.scopes)
        return tuple(dict.fromkeys([*named, *(["HEAD"] if "GET" in named else []), "OPTIONS"]))

    def scope_of(self, method: str) -> tuple[str, ...]:
        """
        Return the scopes that a request needs.

        Raises:
            MethodNotAllowed: scopes are named by method, and this method is not among them.
        """
        for each in (method, "GET" if method == "HEAD" else "", EVERY_METHOD):
            if each in self.scopes:
                return self.scopes[each]
        if method == "OPTIONS":
            return ()
        raise MethodNotAllowed(self.methods)

    def challenge(self, refusal: BearerError, method: str) -> dict[str, str]:
        """
        Return further parameters of WWW-Authenticate: the URL of the API's metadata, and the scope that it needs.

        Empty for an API that names no resource (RFC 9728 section 5.1, RFC 6750 section 3).
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
    Return the scopes in a guard's arguments: names, or one dict of them by method.

    Raises:
        ImproperlyConfigured: a dict beside other scopes, or something else than names, such as a view or a list.
            Ignoring it would open the view to every token.
    """
    names = [each for each in required_scope if isinstance(each, str)]
    if len(names) == len(required_scope):
        return names
    if not all(isinstance(each, str | Mapping) for each in required_scope):
        raise ImproperlyConfigured(
            'Pass the scopes as strings: protect("profile"). Pass "" if any valid token is enough: protect("").'
        )
    if len(required_scope) > 1:
        raise ImproperlyConfigured("Pass the scopes either as separate arguments, or as one dict of scopes by method.")
    return required_scope[0]


def scopes_asked_at(resource: str) -> tuple[str, ...]:
    """
    Return every scope that the views of a resource require. Views that name no resource belong to
    OAUTH_SERVICE_RESOURCE.
    """
    own = _asked.get("", ()) if resource == conf.RESOURCE() else ()
    return tuple(sorted({*_asked.get(resource, ()), *own}))


def scopes_asked_without_resource() -> frozenset[str]:
    """Return every scope required by views that name no resource."""
    return frozenset(_asked.get("", ()))


def scopes_asked_anywhere() -> frozenset[str]:
    """Return every scope that any view requires."""
    return frozenset(each for asked in _asked.values() for each in asked)


def resources_asked() -> frozenset[str]:
    """Return the identifiers of all resources that views name."""
    return frozenset(_asked) - {""}


def is_bearer(found: object) -> "TypeGuard[AnyBearer]":
    """Return whether an object is a Bearer or RemoteBearer."""
    if isinstance(found, Bearer) or not conf.REMOTE_ISSUERS():
        return isinstance(found, Bearer)
    from .remote import RemoteBearer

    return isinstance(found, RemoteBearer)


def admit(request: ProgramRequest, wanted: Requirement, *, now: datetime) -> AnyBearer:
    """
    Verify the access token of a request, and check it against the requirement.

    Raises:
        BearerError: there is no token, or it is not sufficient (RFC 6750 section 3.1).
        MethodNotAllowed: the token is valid, but the API does not have this method.
    """
    found = admit_any(request, wanted, now=now)
    check_requirement(found, wanted, request.method, now=now)
    return found


def admit_any(request: ProgramRequest, wanted: Requirement, *, now: datetime) -> AnyBearer:
    """
    Verify the access token of a request, and that it is for this API. Its scope and user are not checked.

    Raises:
        MissingToken, MalformedBearer, InvalidToken: as their names say.
        TemporarilyUnavailable: its issuer is another server, which cannot be asked at the moment.
    """
    if not conf.REMOTE_ISSUERS():
        found: AnyBearer = bearer_of(request, now=now)
        check_audience(found, wanted.resource)
        return found
    from . import remote  # imported here: only projects that trust other issuers need it

    found = remote.verify(token_of(request), issuer=conf.issuer_of(request), now=now)
    check_audience(found, wanted.resource)
    return found if isinstance(found, Bearer) else remote.with_user(found)


def check_requirement(found: AnyBearer, wanted: Requirement, method: str, *, now: datetime) -> None:
    """
    Check a valid token, which is for this API, against the rest of the requirement.

    Raises:
        InsufficientScope: it stands for no user, or lacks scope.
        InsufficientUserAuthentication: the user must sign in again, or more strongly.
        MethodNotAllowed: the API does not have this method.
    """
    asked = wanted.scope_of(method)
    if not wanted.allow_clients:
        check_represents_user(found, *asked)
    check_scope(found, *asked)
    if wanted.asks_for_sign_in:
        check_sign_in(found, wanted, now=now)


def refusal(request: ProgramRequest, wanted: Requirement, why: Exception) -> ProgramResponse:
    """
    Return the response to a request whose token is insufficient or could not be looked up.

    Args:
        why: the exception that admit() raised.
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
    Verify the access token of a request, which this server must have issued; one statement.

    Raises:
        MissingToken, MalformedBearer, InvalidToken: as their names say (RFC 6750 section 3.1).
    """
    return access_token.verify(token_of(request), issuer=conf.issuer_of(request), now=now)


def token_of(request: ProgramRequest) -> Secret:
    """
    Return the access token of a request.

    Raises:
        MissingToken, MalformedBearer: as their names say (RFC 6750 section 3.1).
    """
    try:
        query = frozenset(query_parameters(request)) if request.query_string else frozenset[str]()
    except InvalidRequest as cause:
        raise MalformedBearer(cause.description) from cause
    return Secret(bearer.token_of(request.authorization, query=query))


def check_scope(bearer: AnyBearer, *required_scope: str) -> None:
    """
    Refuse a token with too little scope.

    Raises:
        InsufficientScope: a required scope is missing.
    """
    wanted = " ".join(required_scope)
    if not scope.covers(" ".join(bearer.scope), wanted, implies=conf.implied_scopes()):
        raise InsufficientScope(
            "the access token does not cover this", scope=wanted, detail=f"{bearer.source}: needs {wanted!r}"
        )


def check_audience(bearer: AnyBearer, resource: str = "") -> None:
    """
    Refuse a token for another resource (RFC 8707 section 3).

    A token with an audience takes one more statement, which checks that the resource is still active and open to the
    client.

    Args:
        resource: identifier of the resource; "" for OAUTH_SERVICE_RESOURCE.

    Raises:
        InvalidToken: it is for another resource, or the resource was deactivated, deleted, or taken from a client that the
            token came from.
    """
    wanted = resource or conf.RESOURCE()
    if not resource_indicators.is_for(bearer.audience, resource, default=conf.RESOURCE()):
        raise InvalidToken(
            "the access token is for another resource",
            detail=f"{bearer.source}: for {sorted(bearer.audience) or 'no resource in particular'}, not {wanted}",
        )
    # For tokens of another issuer, that issuer decides which clients may ask for the resource.
    if (
        isinstance(bearer, Bearer)
        and bearer.audience
        and not still_open((wanted,), bearer.client, *bearer.earlier_clients)
    ):
        raise InvalidToken(
            "the access token is not valid",
            detail=f"{bearer.source}: {wanted} was deleted or deactivated, or a client may no longer request it",
        )


def check_sign_in(bearer: AnyBearer, wanted: Requirement, *, now: datetime) -> None:
    """
    Refuse a token whose sign-in is not strong or recent enough (RFC 9470 section 3).

    Raises:
        InsufficientUserAuthentication: not strong enough, not recent enough, or nothing is known about it.
    """
    step_up.check(
        bearer.event,
        acr=wanted.acr,
        max_age=wanted.max_age,
        source=bearer.source,
        now=now,
    )


def check_represents_user(bearer: AnyBearer, *required_scope: str) -> None:
    """
    Refuse a client's own token, which stands for no user.

    Args:
        required_scope: the scope of a sufficient token, for the challenge.

    Raises:
        InsufficientScope: it is a client's own token.
    """
    if not bearer.represents_user:
        raise InsufficientScope(
            "the access token stands for no user, and this needs one",
            scope=" ".join(required_scope),
            detail=f"{bearer.source}: the token belongs to the client itself",
        )


def user_of(bearer: Bearer, *required_scope: str) -> AbstractBaseUser:
    """
    Return the user of a token of this server; the arguments are those of check_represents_user().

    Raises:
        InsufficientScope: it is a client's own token, which stands for no user.
    """
    check_represents_user(bearer, *required_scope)
    return cast("AbstractBaseUser", bearer.user)


@cache  # bounded by the requirements that a project writes down, however often views are made
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
