"""django-oauth-toolkit's URLs as in its tutorial, and a resource guarded with its decorator or its DRF classes."""

from typing import Any

from django.http import JsonResponse
from django.urls import include, path
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope
from oauth2_provider.decorators import protected_resource
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


@protected_resource(scopes=["user"])  # type: ignore[untyped-decorator]
def userinfo(request: Any) -> JsonResponse:
    """The same claims as ours at /userinfo/."""
    return JsonResponse(told(request.resource_owner))


def told(user: Any) -> dict[str, str]:
    """Claims of a user."""
    return {
        "sub": str(user.pk),
        "username": user.username,
        "email": user.email,
        "name": user.get_full_name(),
        "given_name": user.first_name,
        "family_name": user.last_name,
        "preferred_username": user.username,
    }


class Me(APIView):
    """The same claims as ours at /drf/."""

    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]
    renderer_classes = [JSONRenderer]
    required_scopes = ["user"]

    def get(self, request: Request) -> Response:
        user: Any = request.user
        token: Any = request.auth
        return Response({"sub": str(user.pk), "email": user.email, "client_id": token.application.client_id})


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("userinfo/", userinfo),
    path("userinfo/drf/", Me.as_view()),
]
