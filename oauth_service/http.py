"""Django's HTTP <-> OAuth's: reading parameters, answers in JSON, answers in HTML, redirects to verified targets only."""

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    UnreadablePostError,
)
from django.http.request import RawPostDataException
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from . import conf
from .protocol import bearer
from .protocol.errors import (
    BearerError,
    InvalidClient,
    InvalidRequest,
    OAuthError,
    RequestTooLarge,
    ServerError,
    UnverifiedTarget,
)
from .protocol.parameters import Parameters, from_form, from_json, refuse_secrets
from .protocol.reply_to import ReplyTo

logger = logging.getLogger("oauth_service.refused")

REALM = "oauth_service"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PREFLIGHT_SECONDS = 86_400

View = Callable[..., HttpResponseBase]


# -- reading ---------------------------------------------------------------------------------------------------------


def query_parameters(request: HttpRequest) -> Parameters:
    """
    The parameters in the URL.

    Raises:
        InvalidRequest: not UTF-8, a NUL byte, or too many.
    """
    return from_form(request.META.get("QUERY_STRING", "").encode("latin-1"))


def body_parameters(request: HttpRequest) -> Parameters:
    """
    The parameters in the body: a form (RFC 6749 Appendix B) or one flat JSON object of strings.

    Raises:
        RequestTooLarge: longer than OAUTH_SERVICE_REQUEST_BODY_LIMIT.
        InvalidRequest: another content type, malformed, or a secret in the URL.
    """
    refuse_secrets(query_parameters(request))
    limit = conf.REQUEST_BODY_LIMIT()
    if not (length := request.META.get("CONTENT_LENGTH") or "0").isdecimal():
        raise InvalidRequest("the Content-Length is not a number")
    if int(length) > limit:
        raise RequestTooLarge(f"the body is longer than {limit} bytes")
    try:
        body = request.body
    except RequestDataTooBig as cause:
        raise RequestTooLarge("the body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE") from cause
    except UnreadablePostError as cause:
        raise InvalidRequest("the body could not be read", detail=f"it broke off: {cause}") from cause
    except RawPostDataException as cause:  # Django's CSRF check has looked for its token in a multipart form
        raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}") from cause
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if request.content_type in (JSON, FORM) and charset not in ("utf-8", "utf8", "us-ascii"):
        raise InvalidRequest("the charset must be UTF-8")
    if request.content_type == JSON:
        return from_json(body)
    if request.content_type == FORM or not body:
        return from_form(body)
    raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}", detail=f"{(request.content_type or '')[:100]!r}")


# -- answers in JSON -------------------------------------------------------------------------------------------------


def answers_in_json(*methods: str) -> Callable[[View], View]:
    """
    Make a view an endpoint for programs: no cookie, no session, no CSRF, errors as JSON, nothing cached.

    Any origin may call it (CORS without credentials): what it does depends on what the request itself carries.

    Args:
        methods: HTTP methods it answers; OPTIONS comes with them, and HEAD with GET.
    """
    allowed = (*methods, "HEAD", "OPTIONS") if "GET" in methods else (*methods, "OPTIONS")

    def decorate(view: View) -> View:
        @csrf_exempt
        @transaction.non_atomic_requests
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "OPTIONS":
                response: HttpResponseBase = _preflight()
            elif request.method not in allowed:
                response = HttpResponse(status=405)
            else:
                try:
                    response = view(request, *args, **kwargs)
                except OAuthError as refusal:
                    response = refuse_in_json(request, refusal)
                except Exception as failure:
                    response = _fail_in_json(request, failure)
            if response.status_code in (204, 405):
                response["Allow"] = ", ".join(allowed)
            response["Access-Control-Allow-Origin"] = "*"
            response["Access-Control-Allow-Methods"] = ", ".join(allowed)
            response["Access-Control-Expose-Headers"] = "WWW-Authenticate"
            if not response.has_header("Cache-Control"):
                response["Cache-Control"] = "no-store"
                response["Pragma"] = "no-cache"
            return response

        return answer

    return decorate


def refuse_in_json(request: HttpRequest, refusal: OAuthError) -> HttpResponse:
    """Render a refusal for a program, and log its exact reason under the reference that the answer carries."""
    reference = log_refusal(request, refusal)
    members = {"error": refusal.error, "error_description": refusal.description, "reference": reference}
    response = JsonResponse({name: value for name, value in members.items() if value}, status=refusal.status)
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    if isinstance(refusal, BearerError):
        response["WWW-Authenticate"] = bearer.challenge(refusal, realm=REALM)
    elif isinstance(refusal, InvalidClient):
        response["WWW-Authenticate"] = f'Basic realm="{REALM}", charset="UTF-8"'
    return response


def _fail_in_json(request: HttpRequest, failure: Exception) -> HttpResponse:
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        raise failure
    # Not left to Django: its debug page and error mails would show the local variables, tokens among them.
    reference = new_reference()
    logger.error("failure endpoint=%s reference=%s", request.path, reference, exc_info=failure)
    refusal = ServerError("the server met an unexpected condition")
    members = {"error": refusal.error, "error_description": refusal.description, "reference": reference}
    return JsonResponse(members, status=refusal.status)


def _preflight() -> HttpResponse:
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


# -- answers in HTML -------------------------------------------------------------------------------------------------


def answers_in_html(*methods: str) -> Callable[[View], View]:
    """
    Make a view a page for people: refusals as an error page, a strict Content-Security-Policy, no framing, no caching.

    Args:
        methods: HTTP methods it answers; OPTIONS comes with them, and HEAD with GET.
    """
    allowed = (*methods, "HEAD", "OPTIONS") if "GET" in methods else (*methods, "OPTIONS")

    def decorate(view: View) -> View:
        @transaction.non_atomic_requests
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in allowed or request.method == "OPTIONS":
                response: HttpResponseBase = HttpResponse(status=204 if request.method == "OPTIONS" else 405)
                response["Allow"] = ", ".join(allowed)
            else:
                try:
                    response = view(request, *args, **kwargs)
                except OAuthError as refusal:
                    response = refuse_in_html(request, refusal)
            protect_page(response)
            return response

        return answer

    return decorate


def protect_page(response: HttpResponseBase, *, reply_to: ReplyTo | None = None) -> None:
    """
    Give a page the headers that keep it ours; what an inner call has set is kept.

    Args:
        reply_to: a form on the page ends in a redirect there, which form-action must allow, exactly.
    """
    form_action = f"'self' {reply_to.csp_source}" if reply_to else "'self'"
    for name, value in {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; "
            f"form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
        ),
        "X-Frame-Options": "DENY",
        # no-referrer would make browsers send `Origin: null`, and the CSRF check would refuse our own form.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }.items():
        response.headers.setdefault(name, value)


def refuse_in_html(request: HttpRequest, refusal: OAuthError) -> HttpResponse:
    """Render a refusal for a person; never a redirect. The exact reason is in the log, and with DEBUG on the page."""
    reference = log_refusal(request, refusal)
    if isinstance(refusal, UnverifiedTarget):
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
    return render_page(request, "error", context, status=refusal.status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW in the look of our pages."""
    reference = new_reference()
    logger.warning("csrf endpoint=%s reference=%s reason=%r", request.path, reference, reason)
    context = {"reference": reference, "detail": reason if settings.DEBUG else ""}
    response = render_page(request, "csrf_failure", context, status=403)
    protect_page(response)
    return response


def render_page(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render one of our templates, which a host project can override under oauth_service/."""
    return render(
        request, f"oauth_service/{name}.html", {"service_name": conf.SERVICE_NAME(), **context}, status=status
    )


# -- redirects -------------------------------------------------------------------------------------------------------


class _ClientRedirect(HttpResponseRedirect):
    """A redirect to a client; its scheme is whatever was registered, a native app's own included (RFC 8252 section 7.1)."""

    def __init__(self, reply_to: ReplyTo, url: str) -> None:
        self.allowed_schemes = [reply_to.scheme]
        super().__init__(url)


def redirect_with_code(reply_to: ReplyTo, code: str) -> HttpResponse:
    """Send the browser back to the client with a code (RFC 6749 section 4.1.2)."""
    return _ClientRedirect(reply_to, reply_to.with_code(code))


def redirect_with_error(request: HttpRequest, reply_to: ReplyTo, refusal: OAuthError) -> HttpResponse:
    """Send the browser back to the client with a refusal (RFC 6749 section 4.1.2.1), and log its exact reason."""
    log_refusal(request, refusal)
    return _ClientRedirect(reply_to, reply_to.with_error(refusal))


def leads_back(request: HttpRequest, url: str) -> bool:
    """Tell whether a URL leads to the very page it was sent to, with or without the slash; going there never ends."""
    return urlsplit(url).path.rstrip("/") == request.path.rstrip("/")


# -- the operator's voice --------------------------------------------------------------------------------------------


def new_reference() -> str:
    """An id that an answer and its log line share: 12 hexadecimal digits."""
    return secrets.token_hex(6)


def log_refusal(request: HttpRequest, refusal: OAuthError) -> str:
    """
    Write the exact reason of a refusal to the log.

    Returns:
        the reference under which it stands there.
    """
    reference = new_reference()
    level = logging.INFO if isinstance(refusal, BearerError) else logging.WARNING
    logger.log(
        level,
        "refused error=%s endpoint=%s reference=%s detail=%r",
        refusal.error or "no_token",
        request.path,
        reference,
        refusal.detail,
        extra={"reference": reference, "error": refusal.error, "detail": refusal.detail},
    )
    return reference
