"""
Guards for Django views, which require an access token and a scope (RFC 6750).

    @protect("profile")
    def avatar(request): ...          # request.bearer, request.user

    class Avatar(ProtectedMixin, View):
        required_scope = "profile"

A view accepts tokens of users. To accept tokens that clients have for themselves as well, say allow_clients=True.
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
from .frameworks import guard_operation, pass_to_rest_framework
from .requirement import AnyBearer, MethodNotAllowed, Requirement, Scopes, admit, refusal, scopes_of

# Attribute of a request: the guard that has let it pass.
_ADMISSION = "_oauth_service_admission"


class ProtectedRequest(HttpRequest):
    """The request in a protected view. With OAUTH_SERVICE_REMOTE_ISSUERS its bearer may be a RemoteBearer."""

    bearer: Bearer


def protect(
    *required_scope: str | Mapping[str, Scopes],
    allow_clients: bool = False,
    resource: str = "",
    acr: Scopes = (),
    max_age: int | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """
    Require an access token with all the named scopes before a view, sync or async, is called.

    The view finds `request.bearer`, and its user as `request.user` and from `request.auser()`. It needs no CSRF token,
    because no cookie counts. Without a valid token the response is 401, with too little scope 403, each with the
    WWW-Authenticate challenge of RFC 6750 section 3; if the token cannot be looked up, it is 503 or 500. Exceptions of
    the view are not caught.

    Args:
        required_scope: for every request; or one dict by method, {"GET": "notes:read", "POST": "notes:write"}. Other
            methods then get 405, except that HEAD is treated as GET, and OPTIONS needs any valid token.
        allow_clients: also accept a client's own token, which stands for no user (RFC 6749 section 4.4).
            `request.bearer.user` is then None, and `request.user` an AnonymousUser. Without it, such a token gets 403.
        resource: identifier of the API that the view belongs to; "" for OAUTH_SERVICE_RESOURCE. Tokens for other
            resources are refused (RFC 8707). A token requested without a resource is valid for OAUTH_SERVICE_RESOURCE
            only.
        acr: accepted values, one of which the sign-in behind the token must have reached; otherwise the response is 401
            and asks for them (RFC 9470).
        max_age: how many seconds may have passed since the user signed in; otherwise the response is 401 and asks for a
            new sign-in.

    Raises:
        ImproperlyConfigured: a dict beside other scopes, or something else than scopes, such as the view itself.
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
    Return a guarded view.

    Args:
        admission: identifies this guard. It does not check a request again that it has let pass.
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

    @login_not_required  # the token authenticates the request
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
    The mixin form of protect() for class-based views: put it first among the bases.

    required_scope is space-delimited, "" for any valid token, or a dict by method. The other attributes are as in
    protect().
    """

    required_scope: ClassVar[str | Mapping[str, Scopes]]
    allow_clients: ClassVar[bool] = False
    resource: ClassVar[str] = ""
    acr: ClassVar[Scopes] = ()
    max_age: ClassVar[int | None] = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        """
        Refuse a view class that guards nothing.

        Raises:
            ImproperlyConfigured: the as_view() of another base, such as View or a ViewSet's, comes before the one below and
                need not call it.
        """
        super().__init_subclass__(**arguments)
        before = cls.__mro__[: cls.__mro__.index(ProtectedMixin)]
        if others := [each for each in before if "as_view" in vars(each) and not issubclass(each, ProtectedMixin)]:
            name = others[0].__name__
            raise ImproperlyConfigured(
                f"{cls.__name__} is not protected, because ProtectedMixin is not its first base. "
                f"Write class {cls.__name__}(ProtectedMixin, {name})."
            )

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Any:
        """
        Return the guarded view.

        Raises:
            ImproperlyConfigured: required_scope is missing. Otherwise a misspelt attribute would open the view to every
                token.
        """
        if not hasattr(cls, "required_scope"):
            raise ImproperlyConfigured(
                f'{cls.__name__} has no required_scope. Set it, or set "" if any valid token is enough.'
            )
        # A ViewSet of Django REST framework takes its actions as an argument.
        view = super().as_view(*args, **initkwargs)  # type: ignore[misc]
        # as_view(required_scope=...) sets it for this URL only, like any attribute of Django's views.
        said = {name: initkwargs.get(name, getattr(cls, name)) for name in _ATTRIBUTES}
        return protect(said.pop("required_scope"), **said)(view)


_ATTRIBUTES = ("required_scope", "allow_clients", "resource", "acr", "max_age")


def _admit(request: HttpRequest, wanted: Requirement) -> HttpResponse | None:
    """Set the token's user on a request. Return the response instead if the request has no sufficient token."""
    asked = ProgramRequest.of(request)
    try:
        found = admit(asked, wanted, now=timezone.now())
    except Exception as why:
        if not isinstance(why, (BearerError, MethodNotAllowed)):
            seal(request)  # the response is a 5xx, which Django mails to ADMINS
        return refusal(asked, wanted, why).for_django()
    attach_bearer(request, found)
    return None


def attach_bearer(request: HttpRequest, found: AnyBearer) -> None:
    """Set the token and its user on a request, for any kind of view."""
    request.bearer = found  # type: ignore[attr-defined]
    user = found.user or AnonymousUser()
    request.user = user  # type: ignore[assignment]

    # Async views call auser(). Django's own would return the user of the session, which does not count here.
    async def auser() -> AbstractBaseUser | AnonymousUser:
        return user

    request.auser = auser  # type: ignore[assignment]
    pass_to_rest_framework(request, user, found)
    guard_caches_behind(request)


def _for_one(response: Any) -> Any:
    if isinstance(response, HttpResponseBase):
        keep_private(response)
    return response
