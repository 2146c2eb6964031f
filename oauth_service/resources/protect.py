"""
Guard any Django view with an access token and a scope (RFC 6750).

    @protect("profile")
    def avatar(request): ...          # request.bearer, request.user

    class Avatar(ProtectedMixin, View):
        required_scope = "profile"

A view serves people's tokens. One that serves clients without a person, too, says so: allow_clients=True.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from ..protocol.errors import BearerError
from ..tokens.access_token import Bearer
from ..web.reports import seal
from ..web.requests import ProgramRequest
from .caching import guard_caches_behind, keep_private
from .frameworks import guard_operation, tell_rest_framework
from .requirement import AnyBearer, MethodNotAllowed, Requirement, Scopes, admit, refusal, scopes_of

# On a request: which guard has let it pass.
_ADMISSION = "_oauth_service_admission"


class ProtectedRequest(HttpRequest):
    """The request that a protected view gets. With OAUTH_SERVICE_REMOTE_ISSUERS its bearer may be a RemoteBearer."""

    bearer: Bearer


def protect(
    *required_scope: str | Mapping[str, Scopes],
    allow_clients: bool = False,
    resource: str = "",
    acr: Scopes = (),
    max_age: int | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """
    Let a view, sync or async, be called only with an access token that has every scope named.

    The view finds `request.bearer`, and its user as `request.user` and from `request.auser()`. It needs no CSRF token, as no
    cookie counts. Without a good token the answer is 401, with too little scope 403, each with the WWW-Authenticate
    challenge of RFC 6750 section 3; if the token cannot be looked up, 503 or 500. What the view itself does is not caught.

    Args:
        required_scope: of every request; or one dict, {"GET": "notes:read", "POST": "notes:write"}, that says it by method. A
            method that it does not name is answered 405; HEAD is as GET, and OPTIONS asks for any good token.
        allow_clients: whether it is called with a client's own token, too, which stands for no user (RFC 6749 section 4.4).
            `request.bearer.user` is None then, and `request.user` an AnonymousUser. Otherwise the answer is 403.
        resource: identifier of the API that the view belongs to; "" for OAUTH_SERVICE_RESOURCE. A token for another is
            refused (RFC 8707), and one that was asked for without a resource is good for the setting's alone.
        acr: values of which the sign-in that the token came from must have reached one; otherwise the answer is 401 and asks for
            them (RFC 9470).
        max_age: how many seconds ago the person may have signed in; otherwise the answer is 401 and asks for a new sign-in.

    Raises:
        ImproperlyConfigured: a dict beside other scopes.
    """
    wanted = Requirement.of(
        scopes_of(required_scope), allow_clients=allow_clients, resource=resource, acr=acr, max_age=max_age
    )

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        guarded = _guarded(view, wanted, admission := object())
        guard_operation(guarded, lambda run: _guarded(run, wanted, admission))
        return guarded

    return decorate


def _guarded(view: Callable[..., Any], wanted: Requirement, admission: object) -> Callable[..., Any]:
    """
    A view, guarded.

    Args:
        admission: stands for this guard. A request that it has let pass is not looked at again.
    """
    if iscoroutinefunction(view):

        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if getattr(request, _ADMISSION, None) is admission:
                return await view(request, *args, **kwargs)
            if refusal := await sync_to_async(_admit)(request, wanted):
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
        if refusal := _admit(request, wanted):
            return refusal
        setattr(request, _ADMISSION, admission)
        return _for_one(view(request, *args, **kwargs))

    return guarded


class ProtectedMixin:
    """
    protect() for class-based views: put it first among the bases.

    required_scope is space-delimited, "" for any good token, or a dict by method; the other attributes are as in protect().
    """

    required_scope: ClassVar[str | Mapping[str, Scopes]]
    allow_clients: ClassVar[bool] = False
    resource: ClassVar[str] = ""
    acr: ClassVar[Scopes] = ()
    max_age: ClassVar[int | None] = None

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
        said = {name: initkwargs.get(name, getattr(cls, name)) for name in _ATTRIBUTES}
        return protect(said.pop("required_scope"), **said)(view)


_ATTRIBUTES = ("required_scope", "allow_clients", "resource", "acr", "max_age")


def _admit(request: HttpRequest, wanted: Requirement) -> HttpResponse | None:
    """Put the token's owner onto a request; what to answer instead if it brings no good token."""
    asked = ProgramRequest.of(request)
    try:
        found = admit(asked, wanted, now=timezone.now())
    except Exception as why:
        if not isinstance(why, (BearerError, MethodNotAllowed)):
            seal(request)  # the answer is a 5xx, and Django mails it to ADMINS
        return refusal(asked, wanted, why).for_django()
    let_in(request, found)
    return None


def let_in(request: HttpRequest, found: AnyBearer) -> None:
    """Put the token and its owner onto a request, for whatever kind of view comes behind."""
    request.bearer = found  # type: ignore[attr-defined]
    user = found.user or AnonymousUser()
    request.user = user  # type: ignore[assignment]

    # An async view asks this way; Django's own would tell whose the session is, which counts for nothing here.
    async def auser() -> AbstractBaseUser | AnonymousUser:
        return user

    request.auser = auser  # type: ignore[assignment]
    tell_rest_framework(request, user, found)
    guard_caches_behind(request)


def _for_one(response: Any) -> Any:
    if isinstance(response, HttpResponseBase):
        keep_private(response)
    return response
