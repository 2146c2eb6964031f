"""The site, and a view of the host's own behind a token."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.server.urls import urlpatterns as site
from oauth_service.protect import protect


@protect("profile")
def guarded(request: HttpRequest) -> HttpResponse:
    """A view that an access token opens."""
    return HttpResponse("open")


urlpatterns = [path("guarded/", guarded), *site]
