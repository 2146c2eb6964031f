"""The site's URLs, and a view of an API, written with each kit."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from ninja import NinjaAPI
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from oauth_service.protect import ProtectedRequest, protect
from oauth_service.resources.drf import OAuth2Authentication, TokenHasScope
from oauth_service.resources.ninja import OAuth2, answer_refusals

from .ours_apis import API


def told(bearer: Any) -> dict[str, str]:
    """The user of the API, and the client."""
    user = cast("User", bearer.user)
    return {"sub": str(user.pk), "email": user.email, "client_id": bearer.client_id}


@protect("user", resource=API)
def me(request: ProtectedRequest) -> JsonResponse:
    """A plain view."""
    return JsonResponse(told(request.bearer))


class Me(APIView):
    """The same with Django REST framework."""

    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]
    renderer_classes = [JSONRenderer]
    required_scopes = "user"
    resource = API

    def get(self, request: Request) -> Response:
        return Response(told(request.auth))


api = answer_refusals(NinjaAPI(docs_url=None, openapi_url=None))


@api.get("/me", auth=OAuth2("user", resource=API))
def ninja_me(request: HttpRequest) -> dict[str, str]:
    """The same with django-ninja."""
    return told(getattr(request, "auth", None))


urlpatterns = [
    path("api/", me),
    path("drf/", Me.as_view()),
    path("ninja/", api.urls),
    path("", include("config.server.urls")),
]
