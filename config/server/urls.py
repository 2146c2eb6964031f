"""URLs of the authorization server's site: the OAuth service at the root, Django's admin beside it."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("oauth_service.urls")),
]
