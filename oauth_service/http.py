"""Django's HTTP <-> OAuth's: reading parameters, answers in JSON, answers in HTML, redirects to verified targets only."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.http.request import RawPostDataException
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.encoding import iri_to_uri
from django.utils.http import MAX_URL_REDIRECT_LENGTH, parse_header_parameters
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from . import conf, outage, signals
from .protocol import bearer
from .protocol.errors import (
    BearerError,
    InvalidClient,
    InvalidRequest,
    OAuthError,
    RequestTooLarge,
    ServerError,
    TemporarilyUnavailable,
    UnverifiedTarget,
)
from .protocol.parameters import Parameters, from_form, from_json, refuse_secrets
from .protocol.reply_to import ReplyTo

logger = logging.getLogger("oauth_service.refused")

REALM = "oauth_service"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PREFLIGHT_SECONDS = 86_400
# In a WSGI environ: the failure of a database that this request has waited for already.
FAILED_BEFORE = "oauth_service.failed_before"

View = Callable[..., HttpResponseBase]
Page = TypeVar("Page", bound=HttpResponseBase)
Headers = tuple[tuple[str, str], ...]


# -- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Call:
    """
    One request, as far as an endpoint for programs looks at it, whichever way it came in.

    Header values are "" where a header is absent; address is the peer's.
    """

    method: str
    path: str
    query_string: str = ""
    authorization: str = ""
    content_type: str = ""
    content_length: str = ""
    address: str = ""
    request_id: str = ""
    read: Callable[[], bytes] = bytes

    @classmethod
    def of(cls, request: HttpRequest) -> "Call":
        """The call that a request of Django's makes."""
        return cls.from_environ(request.META, path=request.path, read=lambda: request.body)

    @classmethod
    def from_environ(cls, environ: Mapping[str, Any], *, path: str, read: Callable[[], bytes]) -> "Call":
        """The call that a WSGI environ makes (PEP 3333)."""
        get = environ.get
        return cls(
            method=get("REQUEST_METHOD", ""),
            path=path,
            query_string=get("QUERY_STRING", ""),
            authorization=get("HTTP_AUTHORIZATION", ""),
            content_type=get("CONTENT_TYPE", ""),
            content_length=get("CONTENT_LENGTH", ""),
            address=get("REMOTE_ADDR", ""),
            request_id=get(conf.request_id_key(), ""),
            read=read,
        )


def query_parameters(call: Call | HttpRequest) -> Parameters:
    """
    The parameters in the URL.

    Raises:
        InvalidRequest: not UTF-8, a NUL byte, or too many.
    """
    text = call.query_string if isinstance(call, Call) else call.META.get("QUERY_STRING", "")
    return from_form(text.encode("latin-1"))


def body_parameters(call: Call) -> Parameters:
    """
    The parameters in the body: a form (RFC 6749 Appendix B) or one flat JSON object of strings.

    Raises:
        RequestTooLarge: longer than OAUTH_SERVICE_REQUEST_BODY_LIMIT.
        InvalidRequest: another content type, malformed, or a secret in the URL.
    """
    if call.query_string:
        refuse_secrets(query_parameters(call))
    limit = conf.REQUEST_BODY_LIMIT()
    if not (length := call.content_length or "0").isdecimal():
        raise InvalidRequest("the Content-Length is not a number")
    if len(length) > len(str(limit)) or int(length) > limit:  # int() refuses thousands of digits
        raise RequestTooLarge(f"the body is longer than {limit} bytes")
    try:
        body = call.read()
    except RequestDataTooBig as cause:
        raise RequestTooLarge("the body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE") from cause
    except UnreadablePostError as cause:
        raise InvalidRequest("the body could not be read", detail=f"it broke off: {cause}") from cause
    except RawPostDataException as cause:  # Django's CSRF check has looked for its token in a multipart form
        raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}") from cause
    content_type, options = call.content_type, dict[str, str]()
    if content_type not in (JSON, FORM):
        try:
            content_type, options = parse_header_parameters(content_type)
        except ValueError as cause:
            raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}", detail=str(cause)) from cause
    if content_type in (JSON, FORM) and options.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise InvalidRequest("the charset must be UTF-8")
    if content_type == JSON:
        return from_json(body)
    if content_type == FORM or not body:
        return from_form(body)
    raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}", detail=f"{content_type[:100]!r}")


# -- answers in JSON -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint for programs says; every answer is JSON or empty. The repr shows no body: it may hold tokens."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Headers = ()

    @classmethod
    def of(cls, members: Mapping[str, object], *, status: int = 200, headers: Headers = ()) -> "Answer":
        """An answer that is one JSON object."""
        return cls(status, _encode(members).encode(), (*_IS_JSON, *headers))

    def for_django(self) -> HttpResponse:
        """The same, for Django to send."""
        response = HttpResponse(self.body, status=self.status)
        for name, value in self.headers:
            response.headers[name] = value
        return response


_encode = DjangoJSONEncoder().encode  # claims of a host project may hold dates and lazy texts
_IS_JSON: Headers = (("Content-Type", JSON),)
NOT_KEPT: Headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
# Not left to Django's SecurityMiddleware: a host project need not have it.
NOT_SNIFFED = ("X-Content-Type-Options", "nosniff")

Core = Callable[[Call], Answer]


class Endpoint(Protocol):
    """A view of Django's, and as `answer` the same without Django around it."""

    __name__: str
    answer: Core

    def __call__(self, request: HttpRequest) -> HttpResponseBase: ...


def answers_calls(*methods: str) -> Callable[[Core], Endpoint]:
    """
    Make a function of a Call an endpoint for programs: errors as JSON, nothing cached; no cookie, session or CSRF.

    Any origin may call it (CORS without credentials): what it does depends on what the request itself carries.

    Args:
        methods: HTTP methods it answers; OPTIONS comes with them, and HEAD with GET.
    """
    allowed, shared = _allowed(methods), _for_programs(methods)

    def decorate(core: Core) -> Endpoint:
        def decide(call: Call) -> Answer:
            if call.method not in allowed or call.method == "OPTIONS":
                return _without_body(call.method, allowed)
            try:
                return core(call)
            except OAuthError as refusal:
                return refuse_in_json(call.path, refusal)
            except Exception as failure:
                return fail_in_json(call.path, failure)

        def answer(call: Call) -> Answer:
            with signals.serving(core.__name__, call.method, call.address, call.request_id) as served:
                said = decide(call)
                served.status = said.status
            return Answer(said.status, said.body, (*said.headers, *shared, *NOT_KEPT))

        @csrf_exempt
        @transaction.non_atomic_requests
        @wraps(core)
        def view(request: HttpRequest) -> HttpResponseBase:
            return answer(Call.of(request)).for_django()

        endpoint = cast("Endpoint", view)
        endpoint.answer = answer
        return endpoint

    return decorate


def answers_in_json(*methods: str) -> Callable[[View], View]:
    """
    As answers_calls(), for a view that needs more of Django's request and may say itself how long its answer is kept.

    Args:
        methods: HTTP methods it answers; OPTIONS comes with them, and HEAD with GET.
    """
    allowed, shared = _allowed(methods), _for_programs(methods)

    def decorate(view: View) -> View:
        @csrf_exempt
        @transaction.non_atomic_requests
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            call = Call.of(request)
            with signals.serving(view.__name__, call.method, call.address, call.request_id) as served:
                if call.method not in allowed or call.method == "OPTIONS":
                    response: HttpResponseBase = _without_body(call.method, allowed).for_django()
                else:
                    try:
                        response = view(request, *args, **kwargs)
                    except OAuthError as refusal:
                        response = refuse_in_json(request.path, refusal).for_django()
                    except SuspiciousOperation:
                        served.status = 400
                        raise  # Django's to turn away: a Host that is not ours, where no middleware has looked before
                    except Exception as failure:
                        response = fail_in_json(request.path, failure).for_django()
                served.status = response.status_code
            for name, value in (*shared, *(() if response.has_header("Cache-Control") else NOT_KEPT)):
                response.headers[name] = value
            return response

        return answer

    return decorate


def refuse_in_json(path: str, refusal: OAuthError) -> Answer:
    """Render a refusal for a program, and log its exact reason under the reference that the answer carries."""
    reference = log_refusal(path, refusal)
    headers: Headers = ()
    if isinstance(refusal, BearerError):
        headers = (*headers, ("WWW-Authenticate", bearer.challenge(refusal, realm=REALM)))
    elif isinstance(refusal, InvalidClient):
        headers = (*headers, ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"'))
    if refusal.retry_after:
        headers = (*headers, ("Retry-After", str(refusal.retry_after)))
    members = {"error": refusal.error, "error_description": refusal.description, "reference": reference}
    return Answer.of({name: value for name, value in members.items() if value}, status=refusal.status, headers=headers)


def fail_in_json(path: str, failure: Exception) -> Answer:
    """Tell a program of a failure: 503 where the database is away, else 500 with the traceback in the log."""
    if refusal := _unavailable(failure):
        return refuse_in_json(path, refusal)
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        raise failure
    # Not left to Django: its debug page and error mails would show the local variables, tokens among them.
    served = signals.now_serving()
    served.error = ServerError.error
    logger.error("failure endpoint=%s reference=%s", _on_one_line(path), served.reference, exc_info=failure)
    error = ServerError("the server met an unexpected condition")
    members = {"error": error.error, "error_description": error.description, "reference": served.reference}
    return Answer.of(members, status=error.status)


def _unavailable(failure: Exception) -> TemporarilyUnavailable | None:
    """What to say if a failure is the database's being away, or its taking no writes; None for any other."""
    if not outage.explains(failure):
        return None
    # The driver's words name hosts and statements; they are the operator's.
    return TemporarilyUnavailable(
        "the server cannot reach its database at the moment", detail=f"{type(failure).__name__}: {failure}"
    )


def _allowed(methods: tuple[str, ...]) -> tuple[str, ...]:
    return (*methods, "HEAD", "OPTIONS") if "GET" in methods else (*methods, "OPTIONS")


def _for_programs(methods: tuple[str, ...]) -> Headers:
    return (
        NOT_SNIFFED,
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", ", ".join(_allowed(methods))),
        ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After"),
    )


def _without_body(method: str, allowed: tuple[str, ...]) -> Answer:
    allow = ("Allow", ", ".join(allowed))
    if method != "OPTIONS":
        return Answer(405, headers=(allow,))
    preflight = (
        ("Access-Control-Allow-Headers", "Authorization, Content-Type"),
        ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
    )
    return Answer(204, headers=(allow, *preflight))


# -- answers in HTML -------------------------------------------------------------------------------------------------


def answers_in_html(*methods: str) -> Callable[[View], View]:
    """
    Make a view a page for people: refusals as an error page, a strict Content-Security-Policy, no framing, no caching.

    Args:
        methods: HTTP methods it answers; OPTIONS comes with them, and HEAD with GET.
    """
    allowed = _allowed(methods)

    def decorate(view: View) -> View:
        @transaction.non_atomic_requests
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            call = Call.of(request)
            with signals.serving(view.__name__, call.method, call.address, call.request_id) as served:
                if call.method not in allowed or call.method == "OPTIONS":
                    response: HttpResponseBase = HttpResponse(status=204 if call.method == "OPTIONS" else 405)
                    response["Allow"] = ", ".join(allowed)
                else:
                    response = page_or_refusal(request, served, partial(view, request, *args, **kwargs))
                served.status = response.status_code
            protect_page(response)
            return response

        return answer

    return decorate


def page_or_refusal(request: HttpRequest, served: signals.Served, page: Callable[[], Page]) -> Page | HttpResponse:
    """
    A page, rendered now and not by Django later, or the error page that tells of a refusal or of a database that is away.

    Any other failure goes on to Django, once it is noted with what status Django answers it.
    """
    try:
        response = page()
        if isinstance(response, TemplateResponse):
            response.render()
        return response
    except OAuthError as refusal:
        return refuse_in_html(request, refusal)
    except Exception as failure:
        if not (unavailable := _unavailable(failure)):
            served.status = _status_of(failure)
            raise
        return refuse_in_html(request, unavailable)


def _status_of(failure: Exception) -> int:
    """With what Django answers a failure that is left to it."""
    match failure:
        case Http404():
            return 404
        case PermissionDenied():
            return 403
        case SuspiciousOperation():
            return 400
        case _:
            return 500


def protect_page(response: HttpResponseBase, *, reply_to: ReplyTo | None = None) -> None:
    """
    Give a page the headers that keep it ours; what an inner call has set is kept.

    Args:
        reply_to: a form on the page ends in a redirect there, which form-action must allow, exactly.
    """
    for name, value in _of_a_page(f"'self' {reply_to.csp_source}") if reply_to else OF_A_PAGE:
        response.headers.setdefault(name, value)


def _of_a_page(form_action: str) -> Headers:
    return (
        (
            "Content-Security-Policy",
            (
                "default-src 'none'; style-src 'self'; img-src 'self'; "
                f"form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
            ),
        ),
        ("X-Frame-Options", "DENY"),
        # no-referrer would make browsers send `Origin: null`, and the CSRF check would refuse our own form.
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    )


OF_A_PAGE = _of_a_page("'self'")


def refuse_in_html(request: HttpRequest, refusal: OAuthError) -> HttpResponse:
    """Render a refusal for a person; never a redirect. The exact reason is in the log, and with DEBUG on the page."""
    reference = log_refusal(request.path, refusal)
    if isinstance(refusal, TemporarilyUnavailable):
        title = _("We cannot answer at the moment")
        sentence = _("Something on our side is being restarted. Nothing is lost: please try again in a moment.")
    elif isinstance(refusal, UnverifiedTarget):
        title = _("This app cannot be connected")
        sentence = _("The link that brought you here does not match what the app has registered with us.")
    else:
        title = _("This request cannot be answered")
        sentence = _("Something in it was missing or not as it should be. Go back to the app and try again.")
    context = {
        "title": title,
        "sentence": sentence,
        "reference": reference,
        "detail": f"{refusal.error}: {refusal.detail}" if settings.DEBUG else "",
    }
    # Without the request the page asks nobody who is signed in: the database is what is away.
    about = None if isinstance(refusal, TemporarilyUnavailable) else request
    response = render_page(about, "error", context, status=refusal.status)
    if refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    protect_page(response)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW in the look of our pages."""
    reference = _reference_of(request)
    logger.warning("csrf endpoint=%s reference=%s reason=%r", _on_one_line(request.path), reference, reason)
    context = {"reference": reference, "detail": reason if settings.DEBUG else ""}
    response = render_page(request, "csrf_failure", context, status=403)
    protect_page(response)
    return response


def failed(request: HttpRequest) -> HttpResponseBase:
    """
    Django's handler500, in the look of our pages: what failed is in Django's log, and the page's reference beside it.

    A database that is away is a 503 outside of our views, too (sessions, the admin).
    """
    failure = sys.exc_info()[1]
    if unavailable := _refuse_outside(request, failure):
        return unavailable
    reference = _reference_of(request)
    logger.error("failure endpoint=%s reference=%s", _on_one_line(request.path), reference)
    try:
        # Without the request the page asks nobody who is signed in: that may be what fails.
        response: HttpResponseBase = render_page(None, "failure", {"reference": reference}, status=500)
    except Exception:
        logger.exception("the page for failures failed reference=%s", reference)
        response = defaults.server_error(request)
    protect_page(response)
    return response


def missing(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404, in the look of our pages."""
    response = render_page(request, "missing", {}, status=404)
    protect_page(response)
    return response


def refused(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400: it takes a session that cannot be stored for one that somebody has deleted meanwhile."""
    return _refuse_outside(request, exception) or defaults.bad_request(request, exception)


def _refuse_outside(request: HttpRequest, failure: BaseException | None) -> HttpResponseBase | None:
    refusal = next(filter(None, map(_unavailable, _causes(failure))), None)
    if not refusal:
        return None
    call = Call.of(request)
    with signals.serving("outside", call.method, call.address, call.request_id) as served:
        response = refuse_in_html(request, refusal)
        served.status = response.status_code
    return response


def _reference_of(request: HttpRequest) -> str:
    # Django asks for a page of its own after our endpoint is done with the request, or before it has begun.
    served = signals.now_serving()
    return (served if served.endpoint else signals.Served(request_id=Call.of(request).request_id)).reference


def _causes(failure: BaseException | None) -> Iterator[Exception]:
    while isinstance(failure, Exception):
        yield failure
        failure = failure.__cause__ or failure.__context__


def render_page(request: HttpRequest | None, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render one of our templates, which a host project can override under oauth_service/."""
    return render(
        request, f"oauth_service/{name}.html", {"service_name": conf.SERVICE_NAME(), **context}, status=status
    )


# -- redirects -------------------------------------------------------------------------------------------------------


def redirect_with_code(reply_to: ReplyTo, code: str) -> HttpResponse:
    """Send the browser back to the client with a code (RFC 6749 section 4.1.2)."""
    return _to_client(reply_to.with_code(code))


def answer_with_code(reply_to: ReplyTo, code: str) -> Answer:
    """The same, with the headers of a page, for a way in beside Django's handler."""
    content_type = f"text/html; charset={settings.DEFAULT_CHARSET}"
    headers = (("Content-Type", content_type), ("Location", iri_to_uri(reply_to.with_code(code))))
    return Answer(302, headers=(*headers, ("Vary", "Cookie"), *OF_A_PAGE))


def redirect_with_error(request: HttpRequest, reply_to: ReplyTo, refusal: OAuthError) -> HttpResponse:
    """Send the browser back to the client with a refusal (RFC 6749 section 4.1.2.1), and log its exact reason."""
    log_refusal(request.path, refusal)
    return _to_client(reply_to.with_error(refusal))


def _to_client(url: str) -> HttpResponse:
    # Django's own class would look for a scheme it knows. This one is whatever was registered and compared, a native app's own
    # included (RFC 8252 section 7.1).
    return HttpResponse(status=302, headers={"Location": iri_to_uri(url)})


def leads_back(request: HttpRequest, url: str) -> bool:
    """Tell whether a URL leads to the very page it was sent to, with or without the slash; going there never ends."""
    return urlsplit(url).path.rstrip("/") == request.path.rstrip("/")


def in_plain_characters(url: str) -> str:
    """
    A URL, or "" if it has a tab, line end or other control character in it.

    Django holds it against our host without them, and browsers go to it without them, but only browsers take three slashes that
    are left then for another site.
    """
    return url if url.isprintable() else ""


def request_to_go_on_with(request: HttpRequest) -> str:
    """
    The authorization request in `next` that waits for somebody to sign in, or to sign in as somebody else; "" for none.

    Django forgets an address longer than 2048 characters, and with it a request whose state is long. One that starts as the
    authorization endpoint's cannot lead off this server, however long it is. Longer ones than a redirect may be are given up.
    """
    wanted: str = request.POST.get("next", request.GET.get("next", ""))
    path = reverse("oauth_service:authorise").rstrip("/")
    if wanted.partition("?")[0].rstrip("/") != path or len(wanted) > MAX_URL_REDIRECT_LENGTH:
        return ""
    return wanted


# -- the operator's voice --------------------------------------------------------------------------------------------


def log_refusal(path: str, refusal: OAuthError) -> str:
    """
    Write the exact reason of a refusal to the log.

    Returns:
        the reference under which it stands there.
    """
    served = signals.now_serving()
    served.error = refusal.error or "no_token"
    level = logging.INFO if isinstance(refusal, BearerError) else logging.WARNING
    logger.log(
        level,
        "refused error=%s endpoint=%s reference=%s detail=%r",
        served.error,
        _on_one_line(path),
        served.reference,
        refusal.detail,
        extra={"reference": served.reference, "error": refusal.error, "detail": refusal.detail},
    )
    return served.reference


def _on_one_line(path: str) -> str:
    """A path as it can stand in a log: outside of our own endpoints it is whatever somebody asked for."""
    return path.encode("unicode_escape").decode("ascii")
