"""The server's site, called like by a WSGI server, but within a test's transaction."""

from io import BytesIO
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory

from config.server.handler import Handler


class Site(Handler):
    """A handler of the site that keeps the database connection open, because the test's transaction is on it."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        # Before each request, because Django's test client connects these signals again after each of its own requests.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        return super().__call__(environ, start_response)

    def post(self, path: str, body: bytes, **environ: str) -> int:
        """
        POST any bytes, with headers that no client library would send.

        Args:
            environ: as WSGI names them; HTTP_AUTHORIZATION, CONTENT_TYPE.

        Returns:
            the status.
        """
        told: list[str] = []
        request = {
            **RequestFactory()._base_environ(),  # type: ignore[attr-defined]
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            **environ,
        }
        response = self(request, lambda status, headers, *_: told.append(status))
        list(response)
        return int(told[0].split()[0])
