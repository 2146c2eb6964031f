"""The site's URLs, and a view that belongs to an API."""

from typing import cast

from django.contrib.auth.models import User
from django.http import JsonResponse
from django.urls import include, path

from oauth_service.protect import ProtectedRequest, protect

from .ours_apis import API


@protect("user", resource=API)
def me(request: ProtectedRequest) -> JsonResponse:
    """Who uses the API, and through which client."""
    user = cast("User", request.bearer.user)
    return JsonResponse({"sub": str(user.pk), "email": user.email, "client_id": request.bearer.client_id})


urlpatterns = [path("api/", me), path("", include("config.server.urls"))]
