"""The fast path (oauth_service.wsgi), for tests that use Django's test client."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.client import ClientHandler

from oauth_service.wsgi import Direct, Environ


class _ForDjango(Exception):
    """The fast path leaves this request to Django."""


def _leave(_environ: Environ, _start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise _ForDjango


class _WithinATest(Direct):
    def give_back_connections(self) -> None:
        """Keep the connection, because the test's own transaction is on it. Django's test handler does the same."""


class Handler(ClientHandler):
    """Django's test handler, except for requests that the fast path answers."""

    def __init__(self, *, enforce_csrf_checks: bool = True) -> None:
        super().__init__(enforce_csrf_checks)
        self.direct = _WithinATest(_leave)

    def __call__(self, environ: Environ) -> Any:
        head: list[Any] = []
        body = self._answered_directly(environ, head)
        if body is None:
            return super().__call__(environ)
        status, headers = head
        code, _, reason = status.partition(" ")
        assert reason == HTTPStatus(int(code)).phrase
        response: Any = HttpResponse(body, status=int(code), headers=dict(headers))
        if "Content-Type" not in dict(headers):
            del response.headers["Content-Type"]
        response.request = environ
        response.wsgi_request = WSGIRequest(environ | {"wsgi.input": BytesIO()})
        return response

    def _answered_directly(self, environ: Environ, head: list[Any]) -> bytes | None:
        """
        Return the body, and put status and headers into `head`; return None if Django has to answer.

        Django answers after this has returned, so that no exception is being handled, as in production.
        """
        try:
            return b"".join(self.direct(environ, lambda status, headers: head.extend([status, headers])))
        except _ForDjango:
            return None


class Program(Browser):
    """Django's test client, whose requests go through the fast path."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self.handler = Handler(enforce_csrf_checks=False)
