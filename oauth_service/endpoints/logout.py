"""POST /logout/ -- sign out of this server; GET /signed-out/ -- say so."""

from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponseBase

from ..http import answers_in_html, render_page


@answers_in_html("POST")
def logout(request: HttpRequest) -> HttpResponseBase:
    """End the session on this server; connected apps stay connected."""
    return LogoutView.as_view(next_page="oauth_service:signed_out")(request)


@answers_in_html("GET")
def signed_out(request: HttpRequest) -> HttpResponseBase:
    """Say that the session has ended."""
    return render_page(request, "signed_out", {})
