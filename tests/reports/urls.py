"""URLs of the site, and a guarded view of the host's own."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.server.urls import urlpatterns as site
from oauth_service.protect import protect


@protect("profile")
def guarded(request: HttpRequest) -> HttpResponse:
    """A view that needs an access token."""
    return HttpResponse("open")


urlpatterns = [path("guarded/", guarded), *site]
