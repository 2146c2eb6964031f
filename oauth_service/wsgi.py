"""
A fast path around Django's handler (PEP 3333), without middleware and URL resolving.

    application = direct(get_wsgi_application())

It is for servers that issue so many tokens that Django's own cost counts. It answers /token/, /userinfo/,
/oauth/revoke/, /introspect/ and /device-authorization/, and GET /authorise/ if the user has consented before.
Every other request goes to Django as before, and so does a request that Django would refuse before it reaches a view
(another host, no TLS).

The endpoints decide with the same functions. Responses have the headers that the project's SecurityMiddleware and
XFrameOptionsMiddleware add. Programs bypass all other middleware. Users do not: a project's own middleware may ask
them for a second factor. So GET /authorise/ is answered here only if all middleware is in PASSIVE_MIDDLEWARE. If a
project has put a view of its own at one of these URLs, that view answers.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from http.client import responses
from importlib import import_module
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.core.handlers.wsgi import WSGIRequest, get_str_from_wsgi
from django.db import connections
from django.http import HttpResponse, UnreadablePostError, parse_cookie
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csrf import CSRF_ALLOWED_CHARS, CSRF_SECRET_LENGTH, CSRF_TOKEN_LENGTH
from django.middleware.security import SecurityMiddleware
from django.urls import Resolver404, resolve, reverse
from django.utils.module_loading import import_string

from . import conf, signals
from .guard import outage
from .web import ended_sessions
from .web.pages import KEEPS_OPENER, PAGE_HEADERS
from .web.programs import Headers, ProgramResponse, ProgramView, is_visit
from .web.requests import FAILED_BEFORE, ProgramRequest, read_unmeasured

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Route(NamedTuple):
    """
    Handler of one path.

    Attributes:
        answer: returns None to leave the request to Django.
        header_names: names of the headers that each of its responses has.
    """

    answer: Callable[[Environ], ProgramResponse | None]
    header_names: frozenset[str]


OF_PROGRAMS = frozenset({"Content-Type", "X-Content-Type-Options"})
OF_PEOPLE = frozenset({"Content-Type", *(name for name, _ in (*PAGE_HEADERS, KEEPS_OPENER))})

MOST_HOSTS = 100

# Plain or masked.
_CSRF_SECRET = re.compile(
    "|".join(f"[{CSRF_ALLOWED_CHARS}]{{{each}}}" for each in (CSRF_SECRET_LENGTH, CSRF_TOKEN_LENGTH))
)

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
# Middleware that never stops a GET of a signed-in user, and adds nothing to a redirect that is not added here as well.
PASSIVE_MIDDLEWARE = frozenset(
    {
        SESSIONS,
        USERS,
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
    }
)


def direct(django: Application) -> "Direct":
    """
    Put the fast path before Django's WSGI application.

    Args:
        django: result of get_wsgi_application(); the app registry must be ready. WSGI middleware around it does not see
            the requests that are answered here: wrap the result of this function instead.
    """
    return Direct(django)


class Direct:
    """
    WSGI application that direct() returns.

    Attributes:
        good_hosts: Host headers that Django has accepted, MOST_HOSTS at most.
    """

    def __init__(self, django: Application) -> None:
        self._django = django
        self._routes = dict(_routes())
        self._added = {
            (names, is_secure): _added_by_middleware(names, is_secure=is_secure)
            for names in (OF_PROGRAMS, OF_PEOPLE)
            for is_secure in (False, True)
        }
        self.good_hosts: set[str] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        route = self._routes.get(environ.get("PATH_INFO", ""))
        if route is None or environ.get("SCRIPT_NAME"):
            return self._django(environ, start_response)
        is_secure = _is_secure(environ)
        if not self._is_good_host(environ) or (settings.SECURE_SSL_REDIRECT and not is_secure):
            return self._django(environ, start_response)
        try:
            said = route.answer(environ)
        finally:
            self.give_back_connections()
        if said is None:
            return self._django(environ, start_response)
        added = self._added[route.header_names, is_secure]
        # A 204 has no Content-Length (RFC 9110 section 8.6).
        length = () if said.status == 204 else (("Content-Length", str(len(said.body))),)
        start_response(_status_line(said), [*said.headers, *added, *length])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [said.body]

    def give_back_connections(self) -> None:
        """Close connections that are broken, too old or from a pool, as Django does after each request."""
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()

    def _is_good_host(self, environ: Environ) -> bool:
        host = environ.get("HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "HTTP_HOST", "")
        if host in self.good_hosts:
            return True
        try:
            # Without the Content-Type: Django fails to make a request of a malformed one, whatever the Host is.
            WSGIRequest(environ | {"wsgi.input": BytesIO(), "CONTENT_TYPE": ""}).get_host()
        except DisallowedHost:
            return False
        if host and len(self.good_hosts) < MOST_HOSTS:
            self.good_hosts.add(host)
        return True


def _routes() -> Iterator[tuple[str, Route]]:
    # Imported here: they need the app registry, and a WSGI module imports this one before the registry is ready.
    from .endpoints.authorise import answer_at_once, authorise
    from .endpoints.device_authorization import device_authorization
    from .endpoints.revoke import revoke
    from .endpoints.token import token
    from .endpoints.userinfo import userinfo

    endpoints = [token, userinfo, revoke, device_authorization]
    if conf.INTROSPECTION():
        from .endpoints.introspect import introspect

        endpoints.append(introspect)
    for endpoint in endpoints:
        yield from _both(endpoint, Route(partial(_program, endpoint.answer), OF_PROGRAMS))
    if _no_middleware_has_a_say() and conf.ISSUER():
        store = import_module(settings.SESSION_ENGINE).SessionStore
        yield from _both(authorise, Route(partial(_person, answer_at_once, store), OF_PEOPLE))


def _both(view: Any, route: Route) -> Iterator[tuple[str, Route]]:
    path = reverse(f"oauth_service:{view.__name__}")
    for form in (path, path.rstrip("/")):
        # A project may have put a view of its own first, for example ours in a decorator that asks for a second factor.
        with suppress(Resolver404):
            if resolve(form).func is view:
                yield form, route


def _no_middleware_has_a_say() -> bool:
    # SECRET_KEY_FALLBACKS: Django signs a session anew that was signed with an older key, and its cookie changes.
    needs_django = (
        *(settings.PREPEND_WWW, settings.DISALLOWED_USER_AGENTS),
        *(settings.SESSION_SAVE_EVERY_REQUEST, settings.SECRET_KEY_FALLBACKS),
    )
    return not any(needs_django) and {SESSIONS, USERS} <= set(settings.MIDDLEWARE) <= PASSIVE_MIDDLEWARE


def _program(core: ProgramView, environ: Environ) -> ProgramResponse | None:
    if is_visit(environ):
        return None  # Django answers with a page, in the language of the person
    return core(_call(environ))


def _person(
    core: Callable[[ProgramRequest, Callable[[], Any]], ProgramResponse | None], store: Any, environ: Environ
) -> ProgramResponse | None:
    def who() -> Any:
        session = _only_read(store(cookie))
        request: Any = SimpleNamespace(session=session)  # get_user() reads no other attribute
        user = get_user(request)
        # If the session engine changed the session as it read it, Django must store it and send the cookie again.
        if not user.is_authenticated or session.modified:
            return None
        is_ended = conf.GLOBAL_TOKEN_REVOCATION() and ended_sessions.is_ended(session, user.pk)
        return None if is_ended else (user, session)

    cookies = parse_cookie(get_str_from_wsgi(environ, "HTTP_COOKIE", ""))
    cookie = cookies.get(settings.SESSION_COOKIE_NAME)
    if not cookie or environ["REQUEST_METHOD"] != "GET":
        return None
    secret = cookies.get(settings.CSRF_COOKIE_NAME)
    if secret is not None and not _CSRF_SECRET.fullmatch(secret):
        return None  # Django replaces a malformed cookie in its response
    call = _call(environ)
    with signals.request_context("authorise", call.method, call.address, call.request_id) as context:
        try:
            said = core(call, who)
        except Exception as failure:
            said = None  # Django meets the same failure, and has a page for it
            if outage.is_outage(failure):
                environ[FAILED_BEFORE] = failure
        context.status, context.is_left = (said.status, False) if said else (0, True)
    return said


class _Writes(Exception):
    """The session has to be ended, renewed or begun: Django does that, and sends the cookie."""


def _only_read(session: Any) -> Any:
    """Make a session raise _Writes when get_user(), or an engine that finds it expired, changes it in the store."""

    def refuse(*_: Any, **__: Any) -> None:
        raise _Writes

    session.create = session.save = session.delete = session.flush = session.cycle_key = refuse
    return session


def _call(environ: Mapping[str, Any]) -> ProgramRequest:
    def read(limit: int) -> bytes:
        if not (sent := environ.get("CONTENT_LENGTH")):
            return read_unmeasured(environ, limit)
        length = int(sent)
        most: Any = settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # None: no limit
        if most is not None and length > most:
            raise RequestDataTooBig
        try:
            body: bytes = environ["wsgi.input"].read(length)
        except OSError as cause:
            raise UnreadablePostError(*cause.args) from cause
        return body

    def get_host() -> str:
        return WSGIRequest({**environ, "wsgi.input": BytesIO(), "CONTENT_TYPE": ""}).get_host()

    return ProgramRequest.from_environ(
        environ,
        path=environ["PATH_INFO"],
        scheme="https" if _is_secure(environ) else "http",
        get_host=get_host,
        read=read,
    )


def _is_secure(environ: Mapping[str, Any]) -> bool:
    # The rule of HttpRequest.scheme.
    if trusted := settings.SECURE_PROXY_SSL_HEADER:
        name, secure_value = trusted
        if (sent := environ.get(name)) is not None:
            return bool(sent.split(",", 1)[0].strip() == secure_value)
    return bool(environ.get("wsgi.url_scheme") == "https")


def _added_by_middleware(header_names: frozenset[str], *, is_secure: bool) -> Headers:
    """
    Headers that the project's security middleware adds to any response, without `header_names`. Called once at start.
    """
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": BytesIO()}
    request = WSGIRequest(environ | {"wsgi.url_scheme": "https" if is_secure else "http"})
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    response = HttpResponse()
    for middleware in map(import_string, settings.MIDDLEWARE):
        if isinstance(middleware, type) and issubclass(middleware, (SecurityMiddleware, XFrameOptionsMiddleware)):
            response = middleware(lambda _request: HttpResponse()).process_response(request, response)
    return tuple((name, value) for name, value in response.items() if name not in header_names)


def _status_line(said: ProgramResponse) -> str:
    return f"{said.status} {responses.get(said.status, '')}"
