"""
Access tokens in django-ninja (RFC 6750): a security class.

    api = answer_refusals(NinjaAPI(auth=OAuth2("profile")))

    @api.get("/orders", auth=OAuth2({"GET": "orders:read"}, resource="https://api.example/orders"))
    def orders(request): ...          # request.auth is the Bearer, request.user its user

Refusals are the same as those of protect(). It needs the extra `ninja`.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.security.http import HttpAuthBase

from ..protocol.errors import BearerError
from ..web.programs import ProgramResponse
from ..web.reports import seal
from ..web.requests import ProgramRequest
from .caching import keep_private
from .protect import attach_bearer
from .requirement import AnyBearer, MethodNotAllowed, Requirement, Scopes, admit, is_bearer, refusal, scopes_of

API = TypeVar("API", bound=NinjaAPI)


class Refused(HttpError):
    """
    The token is insufficient, or could not be looked up.

    Without answer_refusals() django-ninja responds with the status alone.

    Args:
        answer: the response of a view guarded by protect().
    """

    def __init__(self, answer: ProgramResponse) -> None:
        super().__init__(answer.status, "the access token will not do")
        self.answer = answer


class OAuth2(HttpAuthBase):
    """
    Require an access token for an operation, a router or the whole API; sync or async.

    The arguments are those of protect().
    """

    openapi_scheme = "bearer"

    def __init__(
        self,
        *required_scope: str | Mapping[str, Scopes],
        allow_clients: bool = False,
        resource: str = "",
        acr: Scopes = (),
        max_age: int | None = None,
    ) -> None:
        super().__init__()
        self.wanted = Requirement.of(
            scopes_of(required_scope), allow_clients=allow_clients, resource=resource, acr=acr, max_age=max_age
        )
        # Marks it as safe for async operations. __call__() detects whether it runs in an event loop, and then uses a
        # thread.
        self.is_async = True

    def __call__(self, request: HttpRequest) -> Any:
        """
        Return the Bearer of a request, or an awaitable for it.

        Raises:
            Refused: the token is insufficient or missing, or could not be looked up.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self.admit(request)
        return sync_to_async(self.admit)(request)

    def admit(self, request: HttpRequest) -> AnyBearer:
        """
        Set the token's user on a request, and return the Bearer.

        Raises:
            Refused: as for __call__().
        """
        asked = ProgramRequest.of(request)
        try:
            found = admit(asked, self.wanted, now=timezone.now())
        except Exception as why:
            if not isinstance(why, (BearerError, MethodNotAllowed)):
                seal(request)  # the response is a 5xx, which Django mails to ADMINS
            raise Refused(refusal(asked, self.wanted, why)) from why
        attach_bearer(request, found)
        # If an operation makes its response itself, a cache around the API must not give one user another's response.
        request._cache_update_cache = False  # type: ignore[attr-defined]
        return found


def answer_refusals(api: API) -> API:
    """
    Let an API answer insufficient tokens as protect() does, with its challenge, and mark its own responses as private.

    Returns:
        the same API, so that it fits on one line.
    """
    make = api.create_temporal_response

    def make_private(request: HttpRequest) -> HttpResponse:
        response = make(request)
        if is_bearer(getattr(request, "auth", None)):
            keep_private(response)
        return response

    def answer(_request: HttpRequest, refused: Any) -> HttpResponse:
        response: HttpResponse = refused.answer.for_django()
        return response

    api.create_temporal_response = make_private  # type: ignore[method-assign]
    api.add_exception_handler(Refused, answer)
    return api
