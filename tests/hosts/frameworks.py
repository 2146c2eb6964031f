"""Guarded views of the frameworks that APIs are written with, guarded in each possible way."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from oauth_service.protect import ProtectedMixin, protect


def told(request: Any) -> dict[str, Any]:
    """Facts that a guarded view finds on its request."""
    return {"user": request.user.get_username(), "client_id": request.bearer.client_id, "sent": request.method}


def told_of_client(request: Any) -> dict[str, Any]:
    """Facts that a view that also serves clients finds on its request."""
    user = request.bearer.user
    return {
        "user": user and user.get_username(),
        "client_id": request.bearer.client.client_id,
        "is_anonymous": request.user.is_anonymous,
    }


# -- Django REST framework ---------------------------------------------------------------------------------------------


@protect("profile")
@api_view(["GET", "POST"])
def drf_function(request: Request) -> Response:
    """Guarded in the URLconf."""
    return Response(told(request))


@api_view(["GET", "POST"])
@protect("profile")
def drf_function_inside(request: Request) -> Response:
    """Guarded below the framework's decorator, which passes a request of its own."""
    return Response(told(request))


class DrfView(APIView):
    """Guarded in the URLconf."""

    def get(self, request: Request) -> Response:
        return Response(told(request))

    def post(self, request: Request) -> Response:
        return Response(told(request) | {"auth": request.auth == getattr(request, "bearer", None)})


class DrfMixin(ProtectedMixin, DrfView):
    """Guarded by its base class."""

    required_scope = "profile"


@method_decorator(protect("profile"), name="dispatch")
class DrfDispatch(DrfView):
    """Guarded at its dispatch()."""


class DrfViewSet(ProtectedMixin, ViewSet):
    """Guarded by its base class, in a router."""

    required_scope = "profile"

    def list(self, request: Request) -> Response:
        return Response(told(request))

    def create(self, request: Request) -> Response:
        return Response(told(request))

    @action(detail=False, methods=["GET", "POST"], required_scope="user profile")
    def more(self, request: Request) -> Response:
        """An action that needs more scope than the other actions."""
        return Response(told(request))


router = SimpleRouter(use_regex_path=False)
router.register("set", DrfViewSet, basename="set")

# -- django-ninja ------------------------------------------------------------------------------------------------------

api = NinjaAPI(urls_namespace="hosts", docs_url=None, openapi_url=None)
operations = Router()


@api.api_operation(["GET", "POST"], "/operation/")
@protect("profile")
def operation(request: HttpRequest) -> dict[str, Any]:
    """An operation that returns data, from which the framework makes a response."""
    return told(request)


@api.api_operation(["GET", "POST"], "/coroutine/")
@protect("profile")
async def coroutine(request: HttpRequest) -> dict[str, Any]:
    """The same operation as a coroutine function."""
    return told(request)


@api.api_operation(["GET", "POST"], "/decorated/")
@decorate_view(protect("profile"))
def decorated(request: HttpRequest) -> dict[str, Any]:
    """An operation that is guarded as django-ninja's documentation says for Django's decorators."""
    return told(request)


@operations.api_operation(["GET", "POST"], "/{int:number}/")
@protect("profile")
def numbered(request: HttpRequest, number: int, colour: str = "red") -> dict[str, Any]:
    """An operation with parameters of its own, in a router."""
    return told(request) | {"number": number, "colour": colour}


api.add_router("/router/", operations)
api.add_router("/again/", operations, url_name_prefix="again")


def of_ninja() -> list[URLPattern]:
    """URLs of the API, exempt from LoginRequiredMiddleware as docs/protect.md shows."""
    patterns = [each for each in api.urls[0] if isinstance(each, URLPattern) and each.name != "api-root"]
    for pattern in patterns:
        login_not_required(pattern.callback)
    return patterns


guarded: list[URLPattern | URLResolver] = [
    path("drf/function/", drf_function),
    path("drf/function-inside/", drf_function_inside),
    path("drf/urlconf/", protect("profile")(DrfView.as_view())),
    path("drf/mixin/", DrfMixin.as_view()),
    path("drf/dispatch/", DrfDispatch.as_view()),
    path("drf/", include(router.urls)),
    path("ninja/", include(of_ninja())),
]
