"""URLs of a host project: the OAuth service, and guarded views of each kind."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_page

from oauth_service.protect import ProtectedMixin, ProtectedRequest, protect
from tests.hosts import frameworks


def told(request: HttpRequest) -> JsonResponse:
    """Facts that a guarded view finds on its request."""
    bearer = getattr(request, "bearer", None)
    return JsonResponse({"user": request.user.get_username(), "client_id": bearer and bearer.client_id})


@protect("profile")
def plain(request: ProtectedRequest) -> HttpResponse:
    """A guarded function."""
    return told(request)


@protect("profile")
async def coroutine(request: ProtectedRequest) -> HttpResponse:
    """A guarded coroutine function."""
    return told(request)


class ByMixin(ProtectedMixin, View):
    """A class that is guarded by its base class."""

    required_scope = "profile"

    def get(self, request: ProtectedRequest) -> HttpResponse:
        return told(request)

    def post(self, request: ProtectedRequest) -> HttpResponse:
        return told(request)


@method_decorator(protect("profile"), name="dispatch")
class ByDispatch(View):
    """A class that is guarded as Django's documentation says for any decorator."""

    def get(self, request: ProtectedRequest) -> HttpResponse:
        return told(request)

    def post(self, request: ProtectedRequest) -> HttpResponse:
        return told(request)


@protect("profile")
@cache_page(60)
def cached_inside(request: ProtectedRequest) -> HttpResponse:
    """A function with a cache inside the guard."""
    return told(request)


guarded: list[URLPattern | URLResolver] = [
    path("plain/", plain),
    path("coroutine/", coroutine),
    path("by-mixin/", ByMixin.as_view()),
    path("by-dispatch/", ByDispatch.as_view()),
    path("cached-inside/", cached_inside),
    path("cached-outside/", cache_page(60)(plain)),
    *frameworks.guarded,
]
urlpatterns = [path("api/", include(guarded)), path("", include("oauth_service.urls"))]
