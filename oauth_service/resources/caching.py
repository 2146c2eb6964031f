"""What caches may keep of the answers of guarded views: Django's own, and those on the way (RFC 9111 section 3.5)."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.cache import UpdateCacheMiddleware
from django.utils.cache import has_vary_header, patch_cache_control, patch_vary_headers

from ..web.programs import PRIVATE


def keep_private(response: HttpResponseBase) -> None:
    """
    Say that an answer is for one person.

    A Cache-Control of the view's own stays, with `private` added. Only `public` lets caches share the answer.
    """
    own = response.get("Cache-Control", "")
    if not own:
        response["Cache-Control"] = PRIVATE
    elif "public" not in own.lower():
        patch_cache_control(response, private=True)
    patch_vary_headers(response, ("Authorization",))


def guard_caches_behind(request: HttpRequest) -> None:
    """
    Keep a cache between the guard and its view, such as cache_page, from giving one person another's answer.

    Such a cache stores before the guard can say that the answer is private. If this Django's does not vary on
    Authorization, nothing is stored for this request.
    """
    if not tells_tokens_apart():
        request.__class__ = _never_stored(type(request))


@cache
def tells_tokens_apart() -> bool:
    """Tell whether Django's caches vary on Authorization by themselves, as they do from 5.2.15 on."""
    request, response = HttpRequest(), HttpResponse()
    request.META["HTTP_AUTHORIZATION"] = "Bearer"
    setattr(request, _MAY_BE_STORED, True)
    middleware: Any = UpdateCacheMiddleware(lambda _request: response)
    middleware.page_timeout = 0  # nothing is stored, and so no cache is asked
    return has_vary_header(middleware.process_response(request, response), "Authorization")


# Django's caches note on the request, when they have looked for an answer, whether to store the one that comes.
_MAY_BE_STORED = "_cache_update_cache"


_classes: dict[type[HttpRequest], type[HttpRequest]] = {}


def _never_stored(of: type[HttpRequest]) -> type[HttpRequest]:
    """The class of a request on which that note is always no; one for each class of requests."""
    if found := _classes.get(of):
        return found

    def never(_request: HttpRequest) -> bool:
        return False

    def ignore(_request: HttpRequest, _value: bool) -> None:
        pass

    return _classes.setdefault(of, type(of.__name__, (of,), {_MAY_BE_STORED: property(never, ignore)}))
