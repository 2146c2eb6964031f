"""URLs of the authorization server's site: the OAuth service at the root, and Django's admin."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="oauth_service:manage_apps")),  # the address that `make run` prints
    path("admin/", admin.site.urls),
    path("", include("oauth_service.urls")),
]

handler400 = "oauth_service.http.bad_request"
handler404 = "oauth_service.http.page_not_found"
handler500 = "oauth_service.http.server_error"
