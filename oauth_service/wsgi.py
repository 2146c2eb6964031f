"""
A way in beside Django's handler (PEP 3333): /token/, /userinfo/ and /oauth/revoke/ without middleware and URL resolving.

    application = direct(get_wsgi_application())

For who serves so many tokens that Django's own cost counts. Everything else, and every request that Django would turn away
before it comes to a view (another host, no TLS), goes to Django as before. The endpoints are the same functions; what the
project's SecurityMiddleware and XFrameOptionsMiddleware add to an answer is added here too, other middleware is passed by.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import responses
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from django.http import HttpResponse, UnreadablePostError
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import reverse
from django.utils.module_loading import import_string

from .http import Answer, Call, Core, Headers

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

MOST_HOSTS = 100


def direct(django: Application) -> "Direct":
    """
    Put the direct way in before a WSGI application of Django's.

    Args:
        django: what get_wsgi_application() makes; the app registry must be ready.
    """
    return Direct(django)


class Direct:
    """
    What direct() makes.

    Attributes:
        good_hosts: Host headers that Django has accepted, MOST_HOSTS at most.
    """

    def __init__(self, django: Application) -> None:
        self._django = django
        self._cores = dict(_cores())
        self._added = {is_secure: _added_by_middleware(is_secure=is_secure) for is_secure in (False, True)}
        self.good_hosts: set[str] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        core = self._cores.get(environ.get("PATH_INFO", ""))
        if core is None or environ.get("SCRIPT_NAME"):
            return self._django(environ, start_response)
        is_secure = _is_secure(environ)
        if not self._is_good_host(environ) or (settings.SECURE_SSL_REDIRECT and not is_secure):
            return self._django(environ, start_response)
        try:
            said = core(_call(environ))
        finally:
            self.give_back_connections()
        start_response(
            _status_line(said), [*said.headers, *self._added[is_secure], ("Content-Length", str(len(said.body)))]
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [said.body]

    def give_back_connections(self) -> None:
        """What Django does after each request: close a connection that is broken or too old, or that belongs to a pool."""
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()

    def _is_good_host(self, environ: Environ) -> bool:
        host = environ.get("HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "HTTP_HOST", "")
        if host in self.good_hosts:
            return True
        try:
            WSGIRequest(environ | {"wsgi.input": BytesIO()}).get_host()
        except DisallowedHost:
            return False
        if host and len(self.good_hosts) < MOST_HOSTS:
            self.good_hosts.add(host)
        return True


def _cores() -> Iterator[tuple[str, Core]]:
    # Not above: they need the app registry, and a WSGI module imports this one before it is ready.
    from .endpoints.revoke import revoke
    from .endpoints.token import token
    from .endpoints.userinfo import userinfo

    for endpoint in (token, userinfo, revoke):
        path = reverse(f"oauth_service:{endpoint.__name__}")
        yield path, endpoint.answer
        yield path.rstrip("/"), endpoint.answer


def _call(environ: Mapping[str, Any]) -> Call:
    def read() -> bytes:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        most: Any = settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # None for no limit
        if most is not None and length > most:
            raise RequestDataTooBig
        try:
            body: bytes = environ["wsgi.input"].read(length)
        except OSError as cause:
            raise UnreadablePostError(*cause.args) from cause
        return body

    return Call.from_environ(environ, path=environ["PATH_INFO"], read=read)


def _is_secure(environ: Mapping[str, Any]) -> bool:
    # The rule of HttpRequest.scheme.
    if trusted := settings.SECURE_PROXY_SSL_HEADER:
        name, secure_value = trusted
        if (sent := environ.get(name)) is not None:
            return bool(sent.split(",", 1)[0].strip() == secure_value)
    return bool(environ.get("wsgi.url_scheme") == "https")


def _added_by_middleware(*, is_secure: bool) -> Headers:
    """What the project's own middleware of Django adds to any answer, less what every one of ours has; asked once."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": BytesIO()}
    request = WSGIRequest(environ | {"wsgi.url_scheme": "https" if is_secure else "http"})
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    response = HttpResponse()
    for middleware in map(import_string, settings.MIDDLEWARE):
        if isinstance(middleware, type) and issubclass(middleware, (SecurityMiddleware, XFrameOptionsMiddleware)):
            response = middleware(lambda _request: HttpResponse()).process_response(request, response)
    return tuple(
        (name, value) for name, value in response.items() if name not in ("Content-Type", "X-Content-Type-Options")
    )


def _status_line(said: Answer) -> str:
    return f"{said.status} {responses.get(said.status, '')}"
