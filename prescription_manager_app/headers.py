"""Response headers of every page of this app."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from prescription_manager_app.conf import registration


class SecurityHeadersMiddleware:
    """Sets a strict Content-Security-Policy, and forbids caching: pages hold health data."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy())
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _policy() -> str:
    # Browsers also apply form-action to the redirect that answers Connect, so it names the server.
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {registration().origin}"
    )
