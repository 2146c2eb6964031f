"""
Keeps contents of our requests, and local variables, out of reports of failures.

Django's debug page and error mails, and services that collect errors, copy the request and every frame of the
traceback. For
our endpoints both are emptied before anything can report them: seal() empties Django's request, forget_locals() the
frames.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from traceback import clear_frames
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.http import HttpRequest, QueryDict
from django.http.request import HttpHeaders
from django.urls import Resolver404, resolve
from django.utils.datastructures import MultiValueDict
from django.views.debug import SafeExceptionReporterFilter

from .. import conf
from ..protocol.parameters import NEVER_IN_A_QUERY

HEADERS = ("HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "HTTP_COOKIE", "CSRF_COOKIE", "CSRF_COOKIE_NEEDS_UPDATE")
# Names under which servers pass on the whole target: gunicorn, uWSGI, mod_wsgi.
URLS = ("RAW_URI", "REQUEST_URI", "UNENCODED_URL")
# PostgreSQL includes the whole refused row, with the secret that seals its tokens.
_DETAIL = re.compile(r"\n(?:DETAIL|CONTEXT):.*", re.DOTALL)


@contextmanager
def redacted_reports(request: HttpRequest | None = None) -> Iterator[None]:
    """Raise a failure of the block without the contents of the request, and without the frames' local variables."""
    try:
        yield
    except BaseException as failure:
        if request is not None:
            seal(request)
        forget_locals(failure)
        raise


def forget_locals(failure: BaseException) -> None:
    """Empty every frame of a failure and of its causes; frames that still run are left alone."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [failure]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if len(each.args) == 1 and isinstance(said := each.args[0], str):
            each.args = (_DETAIL.sub("", said),)
        clear_frames(each.__traceback__)
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def detach(request: HttpRequest) -> HttpRequest:
    """
    Take a request over: return a complete copy, and leave nothing in the original that could be reported.

    For endpoints that act only on the contents of the request, and are its only readers.
    """
    twin = object.__new__(type(request))
    twin.__dict__.update(request.__dict__)
    twin.META = dict(request.META)
    seal(request)
    return twin


def seal(request: HttpRequest) -> None:
    """Empty Django's request: body, cookies, credentials, and the private parts of its query."""
    kept: Any = request
    kept._body, kept._stream, kept._read_started = b"", BytesIO(), True
    kept._post = QueryDict()
    kept._files = getattr(request, "_files", MultiValueDict())  # Django closes the existing files
    for name in HEADERS:
        request.META.pop(name, None)
    kept.COOKIES = {}
    query = request.META.get("QUERY_STRING", "")
    if (shown := shown_query(query)) != query:
        request.META["QUERY_STRING"] = shown
        kept.GET = QueryDict(shown)
        for name in URLS:
            request.META.pop(name, None)
    _, mark, query = request.META.get("HTTP_REFERER", "").partition("?")
    if mark and shown_query(query) != query:
        del request.META["HTTP_REFERER"]
    if "headers" in request.__dict__:
        kept.headers = HttpHeaders(request.META)
    if scope := getattr(request, "scope", None):  # ASGI's own copy
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in (b"authorization", b"cookie")]
        scope["query_string"] = request.META.get("QUERY_STRING", "").encode()


def forget_fields(request: HttpRequest, *names: str) -> None:
    """Remove fields from the form data of a request, once another object has them."""
    kept: Any = request
    kept._post = request.POST.copy()
    for name in names:
        kept._post.pop(name, None)
    kept._body = b""


def shown_query(query: str, *, is_nested: bool = False) -> str:
    """
    A query string as a report may show it.

    The result is "" if any parameter must never be in a URL. A client_id is replaced by a digest, also in the URL that
    a sign-in
    leads to (`next`): users may have typed anything there, and nothing has proven it yet.
    """
    if "=" not in query:
        return query
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    except ValueError:
        return ""  # not parsable, so it may hold anything
    names = {name for name, _ in pairs}
    if not NEVER_IN_A_QUERY.isdisjoint(names) or (is_nested and "next" in names):
        return ""
    if names.isdisjoint(("client_id", "next")):
        return query
    return urlencode([(name, _shown_value(name, value)) for name, value in pairs])


def _shown_value(name: str, value: str) -> str:
    if name == "client_id":
        return conf.claimed_name(value)
    if name == "next":
        path, mark, query = value.partition("?")
        return path + mark + shown_query(query, is_nested=True)
    return value


def is_ours(path: str, urlconf: Any = None) -> bool:
    """Return whether a path leads to an endpoint of this app, or to the admin's login page."""
    try:
        match = resolve(path, urlconf)
    except Resolver404:
        return False
    return "oauth_service" in match.app_names or ("admin" in match.app_names and match.url_name == "login")


class ReporterFilter(SafeExceptionReporterFilter):
    """
    Django's exception reporter filter, which shows nothing of requests to our endpoints, even with DEBUG.

    It replaces Django's own unless the project has set DEFAULT_EXCEPTION_REPORTER_FILTER. It covers failures in
    middleware,
    before our endpoint has the request.
    """

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        _seal_if_ours(request)
        return super().get_post_parameters(request)

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        _seal_if_ours(request)
        return super().get_safe_request_meta(request)

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        _seal_if_ours(request)
        return super().get_safe_cookies(request)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        if _seal_if_ours(request):
            return [(name, self.cleansed_substitute) for name in tb_frame.f_locals]
        return super().get_traceback_frame_variables(request, tb_frame)


def _seal_if_ours(request: HttpRequest | None) -> bool:
    if request is None or not is_ours(request.path_info, getattr(request, "urlconf", None)):
        return False
    seal(request)
    return True


def before_send(event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
    """
    Remove the contents of a request to our endpoints from a Sentry event, wherever it failed.

        sentry_sdk.init(..., before_send=oauth_service.web.reports.before_send)
    """
    request = event.get("request") or {}
    if not is_ours(urlsplit(str(request.get("url", ""))).path):
        return event
    for name in ("data", "cookies", "query_string", "headers", "env"):
        request.pop(name, None)
    for kind in ("exception", "threads"):
        for value in (event.get(kind) or {}).get("values", ()):
            for frame in (value.get("stacktrace") or {}).get("frames", ()):
                frame.pop("vars", None)
    return event
