"""django-oauth-toolkit's URLs where its tutorial puts them, and a resource guarded with its decorator."""

from typing import Any

from django.http import JsonResponse
from django.urls import include, path
from oauth2_provider.decorators import protected_resource


@protected_resource(scopes=["user"])  # type: ignore[untyped-decorator]
def userinfo(request: Any) -> JsonResponse:
    """What ours answers at /userinfo/."""
    user = request.resource_owner
    return JsonResponse(
        {
            "sub": str(user.pk),
            "username": user.username,
            "email": user.email,
            "name": user.get_full_name(),
            "given_name": user.first_name,
            "family_name": user.last_name,
            "preferred_username": user.username,
        }
    )


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("userinfo/", userinfo),
]
