"""POST /logout/ -- sign out of this server; GET /signed-out/ -- say so."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url

from ..web.pages import page_endpoint, render_page
from ..web.redirects import in_plain_characters, pending_authorization_url, points_to_itself


class _Logout(LogoutView):
    next_page = "oauth_service:signed_out"

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        wanted = super().get_redirect_url(*args, **kwargs)
        return pending_authorization_url(self.request) or in_plain_characters(wanted)

    def get_success_url(self) -> str:
        target: str = super().get_success_url()
        return self.get_default_redirect_url() if points_to_itself(self.request, target) else target


@page_endpoint("POST", keeps_opener=True)
def logout(request: HttpRequest) -> HttpResponseBase:
    """End the session on this server; connected apps stay connected."""
    return _Logout.as_view()(request)


@page_endpoint("GET", keeps_opener=True)
def signed_out(request: HttpRequest) -> HttpResponseBase:
    """Say that the session has ended."""
    return render_page(request, "signed_out", {"login_url": resolve_url(settings.LOGIN_URL)})
