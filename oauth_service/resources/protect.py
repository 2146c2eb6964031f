"""
Guard any Django view with an access token and a scope (RFC 6750).

    @protect("profile")
    def avatar(request): ...          # request.bearer, request.user

    class Avatar(ProtectedMixin, View):
        required_scope = "profile"

A view serves people's tokens. One that serves clients without a person, too, says so: allow_clients=True.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from .. import conf
from ..protocol import bearer, resource_indicators, scope
from ..protocol.errors import BearerError, InsufficientScope, InvalidRequest, InvalidToken, MalformedBearer
from ..protocol.secret import Secret
from ..tokens import access_token
from ..tokens.access_token import Bearer
from ..tokens.resources import still_open
from ..web.programs import NO_STORE, NOT_SNIFFED, ProgramResponse, fail_in_json, refuse_in_json
from ..web.reports import seal
from ..web.requests import ProgramRequest, query_parameters
from .caching import guard_caches_behind, keep_private
from .frameworks import guard_operation, tell_rest_framework

# Every scope that a view asks for, as far as views have been imported: a system check holds them against the settings.
required_scopes: set[str] = set()

# On a request: which guard has let it pass.
_ADMISSION = "_oauth_service_admission"


class ProtectedRequest(HttpRequest):
    """The request that a protected view gets."""

    bearer: Bearer


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a view asks of a token."""

    scope: tuple[str, ...]
    allow_clients: bool
    resource: str


def protect(
    *required_scope: str, allow_clients: bool = False, resource: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """
    Let a view, sync or async, be called only with an access token that has every scope named.

    The view finds `request.bearer`, and its user as `request.user` and from `request.auser()`. It needs no CSRF token, as no
    cookie counts. Without a good token the answer is 401, with too little scope 403, each with the WWW-Authenticate
    challenge of RFC 6750 section 3; if the token cannot be looked up, 503 or 500. What the view itself does is not caught.

    Args:
        allow_clients: whether it is called with a client's own token, too, which stands for no user (RFC 6749 section 4.4).
            `request.bearer.user` is None then, and `request.user` an AnonymousUser. Otherwise the answer is 403.
        resource: identifier of the API that the view belongs to; "" for OAUTH_SERVICE_RESOURCE. A token for another is
            refused (RFC 8707), and one that was asked for without a resource is good for the setting's alone.
    """

    required_scopes.update(required_scope)
    guard = Guard(scope=required_scope, allow_clients=allow_clients, resource=resource)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        guarded = _guarded(view, guard, admission := object())
        guard_operation(guarded, lambda run: _guarded(run, guard, admission))
        return guarded

    return decorate


def _guarded(view: Callable[..., Any], guard: Guard, admission: object) -> Callable[..., Any]:
    """
    A view, guarded.

    Args:
        admission: stands for this guard. A request that it has let pass is not looked at again.
    """
    if iscoroutinefunction(view):

        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if getattr(request, _ADMISSION, None) is admission:
                return await view(request, *args, **kwargs)
            if refusal := await sync_to_async(_admit)(request, guard):
                return refusal
            setattr(request, _ADMISSION, admission)
            return _for_one(await view(request, *args, **kwargs))

        return login_not_required(csrf_exempt(markcoroutinefunction(wraps(view)(guarded_async))))

    @login_not_required  # the token is the sign-in
    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if getattr(request, _ADMISSION, None) is admission:
            return view(request, *args, **kwargs)
        if refusal := _admit(request, guard):
            return refusal
        setattr(request, _ADMISSION, admission)
        return _for_one(view(request, *args, **kwargs))

    return guarded


class ProtectedMixin:
    """
    protect() for class-based views: put it first among the bases.

    required_scope is space-delimited, "" for any good token; allow_clients and resource as in protect().
    """

    required_scope: ClassVar[str]
    allow_clients: ClassVar[bool] = False
    resource: ClassVar[str] = ""

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Any:
        """
        The view, guarded.

        Raises:
            ImproperlyConfigured: it does not say by which scope; a misspelt attribute must not open it to every token.
        """
        if not hasattr(cls, "required_scope"):
            raise ImproperlyConfigured(f'{cls.__name__} must say its required_scope, "" for any good token.')
        # A ViewSet of Django REST framework takes its actions as an argument.
        view = super().as_view(*args, **initkwargs)  # type: ignore[misc]
        # as_view(required_scope=...) sets it for this URL alone, as it does any attribute of Django's views.
        required_scope: str = initkwargs.get("required_scope", cls.required_scope)
        allow_clients: bool = initkwargs.get("allow_clients", cls.allow_clients)
        resource: str = initkwargs.get("resource", cls.resource)
        return protect(*required_scope.split(), allow_clients=allow_clients, resource=resource)(view)


def bearer_of(request: ProgramRequest, *, now: datetime) -> Bearer:
    """
    Verify the access token of a request: one statement.

    Raises:
        MissingToken, MalformedBearer, InvalidToken: as their names say (RFC 6750 section 3.1).
    """
    try:
        query = frozenset(query_parameters(request)) if request.query_string else frozenset[str]()
    except InvalidRequest as cause:
        raise MalformedBearer(cause.description) from cause
    text = Secret(bearer.token_of(request.authorization, query=query))
    return access_token.verify(text, issuer=conf.issuer_of(request), now=now)


def refuse_less(bearer: Bearer, *required_scope: str) -> None:
    """
    Hold a token's scope against what a resource asks for.

    Raises:
        InsufficientScope: something is missing.
    """
    if not scope.covers(" ".join(bearer.scope), wanted := " ".join(required_scope)):
        raise InsufficientScope(
            "the access token does not cover this", scope=wanted, detail=f"{bearer.source}: needs {wanted!r}"
        )


def refuse_others(bearer: Bearer, resource: str = "") -> None:
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
    if bearer.audience and not still_open((wanted,), bearer.client):
        raise InvalidToken(
            "the access token is not valid",
            detail=f"{bearer.source}: {wanted} is gone, switched off, or not for the client any more",
        )


def user_of(bearer: Bearer, *required_scope: str) -> AbstractBaseUser:
    """
    The user of a token.

    Args:
        required_scope: of a token that would do, for the challenge.

    Raises:
        InsufficientScope: it is a client's own, and stands for nobody.
    """
    if bearer.user is None:
        raise InsufficientScope(
            "the access token stands for no user, and this needs one",
            scope=" ".join(required_scope),
            detail=f"{bearer.source}: its own token",
        )
    return bearer.user


def _admit(request: HttpRequest, guard: Guard) -> HttpResponse | None:
    """Put the token's owner onto a request; what to answer instead if it brings no good token."""
    try:
        found = bearer_of(ProgramRequest.of(request), now=timezone.now())
        refuse_others(found, guard.resource)
        if not guard.allow_clients:
            user_of(found, *guard.scope)
        refuse_less(found, *guard.scope)
    except BearerError as refusal:
        return _instead(refuse_in_json(request.path, refusal))
    except Exception as failure:
        seal(request)  # the answer is a 5xx, and Django mails it to ADMINS
        return _instead(fail_in_json(request.path, failure))
    cast("ProtectedRequest", request).bearer = found
    user = found.user or AnonymousUser()
    request.user = user  # type: ignore[assignment]

    # An async view asks this way; Django's own would tell whose the session is, which counts for nothing here.
    async def auser() -> AbstractBaseUser | AnonymousUser:
        return user

    request.auser = auser  # type: ignore[assignment]
    tell_rest_framework(request, user, found)
    guard_caches_behind(request)
    return None


def _for_one(response: Any) -> Any:
    if isinstance(response, HttpResponseBase):
        keep_private(response)
    return response


def _instead(answer: ProgramResponse) -> HttpResponse:
    response = answer.for_django()
    for name, value in (NOT_SNIFFED, *NO_STORE):
        response.headers[name] = value
    return response
