"""
Access tokens in Django REST framework (RFC 6750): an authentication class and a permission class.

    class Orders(APIView):
        authentication_classes = [OAuth2Authentication]
        permission_classes = [TokenHasScope]
        required_scopes = {"GET": "orders:read", "POST": "orders:write"}
        resource = "https://api.example/orders"

The attributes of a view say which token it requires: required_scopes (space-delimited, a list, or a dict by method),
and optionally resource, allow_clients, acr and max_age, as protect() takes them. Refusals are the same as those of
protect().

It needs the extra `drf`.
"""

import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.exceptions import MethodNotAllowed as NotAllowed
from rest_framework.permissions import BasePermission

from ..protocol import bearer as bearers
from ..protocol.errors import BearerError, MissingToken
from ..web.programs import REALM, ProgramResponse
from ..web.reports import seal
from ..web.requests import ProgramRequest
from .caching import keep_private
from .protect import attach_bearer
from .requirement import (
    AnyBearer,
    MethodNotAllowed,
    Requirement,
    admit_any,
    check_audience,
    check_requirement,
    is_bearer,
    refusal,
)

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

_ATTRIBUTES = ("allow_clients", "resource", "acr", "max_age")
# Attribute of Django's request: the resource that its token was checked for.
_HELD = "_oauth_service_held_against"
# Attribute of a view: the response that replaces its own.
_REFUSAL = "_oauth_service_refusal"


class Refused(APIException):
    """
    The token is insufficient, or could not be looked up. The exception handler makes the response from it.

    Args:
        answer: the response of a view guarded by protect().
    """

    def __init__(self, answer: ProgramResponse) -> None:
        headers = dict(answer.headers)
        members = json.loads(answer.body)
        super().__init__(members)
        self.status_code = answer.status
        self.auth_header = headers.get("WWW-Authenticate", "")
        self.wait = int(headers.get("Retry-After", 0))


class OAuth2Authentication(BaseAuthentication):
    """
    Authenticate the user of an access token: request.user is the user, request.auth the Bearer.

    A request without a token is left to the other authentication classes. A request is refused if its token is invalid
    or is for another resource than the view's. A client's own token has an AnonymousUser, which IsAuthenticated
    refuses.
    """

    def authenticate(self, request: "Request") -> tuple[Any, AnyBearer] | None:
        """
        Return the user and the token of a request; None if it has no token.

        Raises:
            Refused: the token is not valid here, or could not be looked up.
        """
        view = _view_of(request)
        wanted = _requirement_of(view, default="")
        _answer_privately(view)
        asked = ProgramRequest.of(request._request)
        try:
            found = admit_any(asked, wanted, now=timezone.now())
        except MissingToken:
            return None
        except Exception as why:
            raise _refused(view, request, wanted, why) from why
        attach_bearer(request._request, found)
        setattr(request._request, _HELD, wanted.resource)
        return found.user or AnonymousUser(), found

    def authenticate_header(self, request: "Request") -> str:
        """Return the challenge for a 401 that another permission class causes."""
        wanted = _requirement_of(_view_of(request), default="")
        missing = MissingToken("an access token is required")
        return bearers.challenge(missing, realm=REALM, more=wanted.challenge(missing, request.method or ""))


class TokenHasScope(BasePermission):
    """
    Allow requests whose token satisfies the attributes of the view.

    A user who signed in without a token is refused with 403. When combined by `|`, this class goes last, because its
    refusal says which token would be accepted.
    """

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        """
        Return True if the token is sufficient; False for a user who signed in without one.

        Raises:
            Refused: the token is insufficient, or there is none.
            ImproperlyConfigured: the view has no required_scopes.
        """
        wanted = _requirement_of(view)
        found: object = request.auth
        try:
            if not is_bearer(found):
                if request.user.is_authenticated:
                    return False
                raise MissingToken("an access token is required")
            if getattr(request._request, _HELD, None) != wanted.resource:
                check_audience(found, wanted.resource)
            check_requirement(found, wanted, request.method or "", now=timezone.now())
        except MethodNotAllowed as cause:
            raise NotAllowed(request.method or "") from cause
        except Exception as why:
            raise _refused(view, request, wanted, why) from why
        return True


def _view_of(request: "Request") -> "APIView":
    view: APIView = request.parser_context["view"]
    return view


def _requirement_of(view: "APIView", *, default: str | None = None) -> Requirement:
    """
    Return the requirement of a view, or of an @action with its own arguments.

    Args:
        default: scopes of a view without required_scopes; None if it must have some.

    Raises:
        ImproperlyConfigured: required_scopes is missing. Otherwise a misspelt attribute would open the view to every
            token.
    """
    scopes: Any = getattr(view, "required_scopes", default)
    if scopes is None:
        raise ImproperlyConfigured(
            f'{type(view).__name__} has no required_scopes. Set them, or set "" if any valid token is enough.'
        )
    return Requirement.of(scopes, **{name: getattr(view, name) for name in _ATTRIBUTES if hasattr(view, name)})


def _refused(view: "APIView", request: "Request", wanted: Requirement, why: Exception) -> Refused:
    if not isinstance(why, BearerError):
        seal(request._request)  # the response is a 5xx, which Django mails to ADMINS
    answer = refusal(ProgramRequest.of(request._request), wanted, why)
    setattr(view, _REFUSAL, answer)
    _answer_privately(view)
    return Refused(answer)


def _answer_privately(view: "APIView") -> None:
    """
    Mark every response of a view as private, and give refusals all their headers, whichever exception handler is used.
    """
    if getattr(view, "_oauth_service_answers_privately", False):
        return
    view._oauth_service_answers_privately = True  # type: ignore[attr-defined]
    finalize: Any = view.finalize_response

    def finalize_privately(request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = finalize(request, response, *args, **kwargs)
        answer: ProgramResponse | None = getattr(view, _REFUSAL, None)
        if answer is None:
            keep_private(finished)
            return finished
        for name, value in answer.headers:
            if name not in ("Content-Type", "Vary"):
                finished.headers[name] = value
        keep_private(finished)
        return finished

    view.finalize_response = finalize_privately  # type: ignore[method-assign]


__all__ = ["OAuth2Authentication", "Refused", "TokenHasScope"]
