"""Response headers that every page of this app carries."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from prescription_manager_app.conf import registration


class SecurityHeadersMiddleware:
    """A strict Content-Security-Policy, and no cache: what is shown is about somebody's health."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy())
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _policy() -> str:
    # form-action names the server because browsers hold the redirect that answers Connect against it, too.
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {registration().origin}"
    )
