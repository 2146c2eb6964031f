"""Caching of protected views' responses, by Django's caches and by those on the way (RFC 9111 section 3.5)."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.cache import UpdateCacheMiddleware
from django.utils.cache import has_vary_header, patch_cache_control, patch_vary_headers

from ..web.programs import PRIVATE


def keep_private(response: HttpResponseBase) -> None:
    """
    Mark a response as meant for one user.

    A Cache-Control header of the view stays, with `private` added. Only `public` lets caches share the response.
    """
    own = response.get("Cache-Control", "")
    if not own:
        response["Cache-Control"] = PRIVATE
    elif "public" not in own.lower():
        patch_cache_control(response, private=True)
    patch_vary_headers(response, ("Authorization",))


def guard_caches_behind(request: HttpRequest) -> None:
    """
    Keep a cache between the guard and its view, such as cache_page, from giving one user another's response.

    Such a cache stores the response before the guard can mark it as private. If this version of Django does not vary
    its caches on Authorization, nothing is stored for this request.
    """
    if not tells_tokens_apart():
        request.__class__ = _never_stored(type(request))


@cache
def tells_tokens_apart() -> bool:
    """Return whether Django's caches vary on Authorization by themselves, as from 5.2.15 on."""
    request, response = HttpRequest(), HttpResponse()
    request.META["HTTP_AUTHORIZATION"] = "Bearer"
    setattr(request, _MAY_BE_STORED, True)
    middleware: Any = UpdateCacheMiddleware(lambda _request: response)
    middleware.page_timeout = 0  # stores nothing, so no cache is accessed
    return has_vary_header(middleware.process_response(request, response), "Authorization")


# After a cache miss Django's caches set this attribute of the request, which says whether to store the response.
_MAY_BE_STORED = "_cache_update_cache"


_classes: dict[type[HttpRequest], type[HttpRequest]] = {}


def _never_stored(of: type[HttpRequest]) -> type[HttpRequest]:
    """Return a subclass of a request class on which that attribute is always False. There is one for each class."""
    if found := _classes.get(of):
        return found

    def never(_request: HttpRequest) -> bool:
        return False

    def ignore(_request: HttpRequest, _value: bool) -> None:
        pass

    return _classes.setdefault(of, type(of.__name__, (of,), {_MAY_BE_STORED: property(never, ignore)}))
