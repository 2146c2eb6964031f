"""POST /logout/ -- sign out of this server; GET /signed-out/ -- confirm it."""

from typing import Any

from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url

from ..people.logout import FRAMES_ATTRIBUTE
from ..web.pages import page_endpoint
from ..web.redirects import pending_authorization_url, points_to_itself, printable_or_empty
from ..web.signed_out import signed_out_page


class _Logout(LogoutView):
    next_page = "oauth_service:signed_out"

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        wanted = super().get_redirect_url(*args, **kwargs)
        return pending_authorization_url(self.request) or printable_or_empty(wanted)

    def get_success_url(self) -> str:
        target: str = super().get_success_url()
        return self.get_default_redirect_url() if points_to_itself(self.request, target) else target


@page_endpoint("POST", keeps_opener=True)
def logout(request: HttpRequest) -> HttpResponseBase:
    """
    End the session on this server. Apps stay connected. Those with a front-channel logout URI are told by a page of
    frames.
    """
    response = _Logout.as_view()(request)
    frames: list[str] = getattr(request, FRAMES_ATTRIBUTE, [])
    if not frames:
        return response
    onward = response.headers["Location"]
    return signed_out_page(request, frames=frames, onward="" if onward == resolve_url(_Logout.next_page) else onward)


@page_endpoint("GET", keeps_opener=True)
def signed_out(request: HttpRequest) -> HttpResponseBase:
    return signed_out_page(request)
