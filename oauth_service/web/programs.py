"""Endpoints for programs: their responses, and the headers that all responses share."""

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import wraps
from typing import Any, Protocol, cast

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import DisallowedHost
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from .. import signals
from ..database import without_transaction
from ..protocol import bearer
from ..protocol.errors import BearerError, InvalidClient, OAuthError, ServerError
from ..values import value_class
from .refusals import log_refusal, logger, on_one_line, unavailable
from .reports import detach, forget_locals, redacted_reports
from .requests import JSON, ProgramRequest

REALM = "oauth_service"
PREFLIGHT_SECONDS = 86_400

Headers = tuple[tuple[str, str], ...]


@value_class()
class ProgramResponse:
    """
    Response of an endpoint for programs: JSON, or an empty body with that type.

    The repr shows neither body nor headers, which may hold tokens.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Headers = field(default=(), repr=False)

    @classmethod
    def of(cls, members: Mapping[str, object], *, status: int = 200, headers: Headers = ()) -> "ProgramResponse":
        """A response with one JSON object."""
        return cls(status, _encode(members).encode(), (*IS_JSON, *headers))

    def for_django(self) -> HttpResponse:
        """The same response as Django's HttpResponse."""
        response = HttpResponse(self.body, status=self.status)
        for name, value in self.headers:
            response.headers[name] = value
        return response


_encode = DjangoJSONEncoder().encode  # claims of a host project may hold dates and lazy strings
IS_JSON: Headers = (("Content-Type", JSON),)
# `private` is needed, too: Django's caches before 5.2.15 keep responses that only say `no-store`.
PRIVATE = "private, no-store"
NO_STORE: Headers = (("Cache-Control", PRIVATE), ("Pragma", "no-cache"), ("Vary", "Authorization"))
# A host project may not have Django's SecurityMiddleware, which would set it.
NOT_SNIFFED = ("X-Content-Type-Options", "nosniff")

ProgramView = Callable[..., ProgramResponse]


class Endpoint(Protocol):
    """A Django view; `answer` is the same endpoint without Django."""

    __name__: str
    answer: ProgramView

    def __call__(self, request: HttpRequest, /, **kwargs: Any) -> HttpResponseBase: ...


def program_endpoint(*methods: str) -> Callable[[ProgramView], Endpoint]:
    """
    Make a function of a ProgramRequest an endpoint: errors as JSON; no cookie, session or CSRF check.

    Any origin may call it (CORS without credentials), because it acts only on the contents of the request. Responses
    are not
    cached unless they have a Cache-Control header of their own.

    Args:
        methods: HTTP methods of the endpoint; OPTIONS is added, and HEAD with GET.
    """
    allowed, shared = allowed_methods(methods), _shared_headers(methods)

    def decorate(core: ProgramView) -> Endpoint:
        def decide(request: ProgramRequest, context: signals.RequestContext, **kwargs: Any) -> ProgramResponse:
            if request.method not in allowed or request.method == "OPTIONS":
                return _without_body(request.method, allowed)
            try:
                return core(request, **kwargs)
            except OAuthError as refusal:
                return refuse_in_json(request.path, refusal)
            except DisallowedHost:
                context.status = 400
                raise  # Django answers, because the Host is not ours and no middleware has checked it before
            except Exception as failure:
                return fail_in_json(request.path, failure)

        def answer(request: ProgramRequest, **kwargs: Any) -> ProgramResponse:
            with signals.request_context(core.__name__, request.method, request.address, request.request_id) as context:
                response = decide(request, context, **kwargs)
                context.status = response.status
            # Empty responses need it, too: some clients check the type before the status.
            present = {name for name, _ in response.headers}
            content_type = () if "Content-Type" in present else IS_JSON
            no_store = () if "Cache-Control" in present else NO_STORE
            return ProgramResponse(
                response.status, response.body, (*response.headers, *content_type, *shared, *no_store)
            )

        @login_not_required  # Django's LoginRequiredMiddleware asks for a session, which programs do not have
        @csrf_exempt
        @without_transaction
        @wraps(core)
        def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            with redacted_reports(request):
                response = answer(ProgramRequest.of(detach(request)), **kwargs).for_django()
            if response.status_code == 405 and is_visit(request.META):
                from .visits import explain  # imported here: most servers never show this page

                explain(response)
            return response

        endpoint = cast("Endpoint", view)
        endpoint.answer = answer
        return endpoint

    return decorate


def is_visit(environ: Mapping[str, Any]) -> bool:
    """Return whether a person opens an address in a browser: programs do not ask for HTML."""
    return environ["REQUEST_METHOD"] == "GET" and "text/html" in environ.get("HTTP_ACCEPT", "")


def refuse_in_json(path: str, refusal: OAuthError, *, challenge: Mapping[str, str] | None = None) -> ProgramResponse:
    """
    Render a refusal for a program, and log its exact reason under the reference in the response.

    Args:
        challenge: parameters that a protected resource adds to WWW-Authenticate.
    """
    reference = log_refusal(path, refusal)
    headers: Headers = ()
    if isinstance(refusal, BearerError):
        headers = (*headers, ("WWW-Authenticate", bearer.challenge(refusal, realm=REALM, more=challenge)))
    elif isinstance(refusal, InvalidClient):
        headers = (*headers, ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"'))
    if refusal.retry_after:
        headers = (*headers, ("Retry-After", str(refusal.retry_after)))
    members = {"error": refusal.error, "error_description": refusal.description, "reference": reference}
    return ProgramResponse.of(
        {name: value for name, value in members.items() if value}, status=refusal.status, headers=headers
    )


def fail_in_json(path: str, failure: Exception) -> ProgramResponse:
    """Answer a failure: 503 if the database is down, otherwise 500 with the traceback in the log."""
    if refusal := unavailable(failure):
        return refuse_in_json(path, refusal)
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        raise failure
    forget_locals(failure)
    # Django would show local variables, and so tokens, on its debug page and in error mails.
    context = signals.current_request()
    context.error = ServerError.error
    logger.error("failure endpoint=%s reference=%s", on_one_line(path), context.reference, exc_info=failure)
    error = ServerError("the server met an unexpected condition")
    members = {"error": error.error, "error_description": error.description, "reference": context.reference}
    return ProgramResponse.of(members, status=error.status)


def allowed_methods(methods: tuple[str, ...]) -> tuple[str, ...]:
    """Methods of an endpoint, with OPTIONS, and HEAD if there is GET."""
    return (*methods, "HEAD", "OPTIONS") if "GET" in methods else (*methods, "OPTIONS")


def _shared_headers(methods: tuple[str, ...]) -> Headers:
    return (
        NOT_SNIFFED,
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", ", ".join(allowed_methods(methods))),
        ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After"),
    )


def _without_body(method: str, allowed: tuple[str, ...]) -> ProgramResponse:
    allow = ("Allow", ", ".join(allowed))
    if method != "OPTIONS":
        return ProgramResponse(405, headers=(allow,))
    preflight = (
        # Libraries add headers for tracing or versions, which the endpoints ignore. "*" does not include Authorization
        # (Fetch Standard, CORS-preflight fetch), and older browsers do not know it.
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, *"),
        ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
    )
    return ProgramResponse(204, headers=(allow, *preflight))
