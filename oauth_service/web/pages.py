"""Pages for users: rendering, protection, and error pages."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.utils.cache import patch_vary_headers

from .. import conf, signals
from ..database import without_transaction
from ..protocol.errors import InvalidLogoutRequest, OAuthError, TemporarilyUnavailable
from . import error_page
from .ended_sessions import leave_ended
from .language import page_language, requested_language
from .programs import PRIVATE, Headers, allowed_methods
from .refusals import log_refusal, unavailable
from .reports import redacted_reports, seal
from .requests import ProgramRequest

View = Callable[..., HttpResponseBase]
Page = TypeVar("Page", bound=HttpResponseBase)


def page_endpoint(*methods: str, keeps_opener: bool = False) -> Callable[[View], View]:
    """
    Make a view a page for users: error pages for refusals, a strict Content-Security-Policy, no framing, no caching.

    Args:
        methods: HTTP methods of the page; OPTIONS is added, and HEAD with GET.
        keeps_opener: the page is part of a sign-in, which an app may have opened in a popup.
    """
    allowed = allowed_methods(methods)

    def decorate(view: View) -> View:
        @login_not_required  # a page that needs a signed-in user asks for the sign-in itself
        @without_transaction
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with redacted_reports(request):
                return decide(request, *args, **kwargs)

        def decide(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            call = ProgramRequest.of(request)
            with signals.request_context(view.__name__, call.method, call.address, call.request_id) as context:
                if call.method not in allowed or call.method == "OPTIONS":
                    response: HttpResponseBase = HttpResponse(status=204 if call.method == "OPTIONS" else 405)
                    response["Allow"] = ", ".join(allowed)
                else:
                    with requested_language(request):
                        response = page_or_refusal(request, context, partial(_rendered, view, request, *args, **kwargs))
                context.status = response.status_code
            protect_page(response, request, keeps_opener=keeps_opener)
            if response.status_code >= 500:
                seal(request)  # Django mails the request to ADMINS
            return response

        return answer

    return decorate


def _rendered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    leave_ended(request)
    response = view(request, *args, **kwargs)
    if isinstance(response, TemplateResponse) and not response.is_rendered:
        with page_language() as language:
            response.render()
        response.headers[CONTENT_LANGUAGE] = language
    return response


def page_or_refusal(
    request: HttpRequest, context: signals.RequestContext, page: Callable[[], Page]
) -> Page | HttpResponse:
    """
    Return the page, rendered now and not later by Django, or an error page for a refusal or a database outage.

    Any other failure is left to Django, after the status of Django's response has been noted.
    """
    try:
        response = page()
        if isinstance(response, TemplateResponse):
            response.render()
        return response
    except OAuthError as refusal:
        return refuse_in_html(request, refusal)
    except Exception as failure:
        if not (outage := unavailable(failure)):
            context.status = _status_of(failure)
            raise
        return refuse_in_html(request, outage)


def _status_of(failure: Exception) -> int:
    """Status of Django's response to a failure."""
    match failure:
        case Http404():
            return 404
        case PermissionDenied():
            return 403
        case SuspiciousOperation():
            return 400
        case _:
            return 500


def protect_page(
    response: HttpResponseBase,
    request: HttpRequest | None = None,
    *,
    leads_on: bool = False,
    keeps_opener: bool = False,
    script: str = "",
    frames: Iterable[str] = (),
) -> None:
    """
    Set the headers that protect a page; headers set by an inner call are kept.

    Args:
        request: the request that the page was rendered for.
        leads_on: a form on the page may lead to redirects to other origins. Browsers apply form-action to each
        redirect of a
            chain, and only the client knows the ones after its callback, so the policy omits form-action.
        keeps_opener: the page that opened this one keeps its window. Django's Cross-Origin-Opener-Policy would cut the
            connection for good, and the app would never hear from its popup.
        script: hash of the one script that may run on the page, as a source expression.
        frames: URLs that the page loads in frames.
    """
    if CSP not in response.headers and "Location" not in response.headers:
        response.headers[CSP] = _policy(
            _static_sources(),
            leads_on=leads_on,
            nonce=_nonce_of(request),
            script=f" {script}" if script else "",
            frames=" ".join(dict.fromkeys(filter(None, map(_origin, frames)))),
        )
    # Django would add the project's report-only policy to ours, and it would report our style sheet (Django 6.0).
    response._csp_ro_config = {}  # type: ignore[attr-defined]
    for name, value in PAGE_HEADERS:
        response.headers.setdefault(name, value)
    if keeps_opener:
        response.headers.setdefault(*KEEPS_OPENER)
    patch_vary_headers(response, ("Cookie",))


def _policy(
    sources: str = "'self'", *, leads_on: bool = False, nonce: str = "", script: str = "", frames: str = ""
) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {sources}{nonce}",
            f"img-src {sources}",
            *([f"script-src{nonce}{script}"] if nonce or script else []),
            *([f"frame-src {frames}"] if frames else []),
            *([] if leads_on else ["form-action 'self'"]),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def source_of(script: str) -> str:
    """Source expression for a script of ours, which allows no other (Content Security Policy Level 3 section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _static_sources() -> str:
    """
    Origins of our style sheet and icon, as source expressions (Content Security Policy Level 3 section 2.3.1).

    STATIC_URL may name another host, and a storage may use several.
    """
    try:
        urls = [static(f"oauth_service/{name}") for name in ("style.css", "icon.svg")]
    except Exception:
        return "'self'"  # the template has failed with the same error, and this may be the page that reports it
    return " ".join(dict.fromkeys(["'self'", *filter(None, map(_origin, urls))]))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if _HOST.fullmatch(parts.netloc):
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc
    return f"{parts.scheme}:" if parts.scheme else ""


def _nonce_of(request: HttpRequest | None) -> str:
    # From Django 6.0's or django-csp's middleware. It is set once a template has used it, such as a project's
    # replacement of ours.
    nonce = getattr(request, "_csp_nonce", None)
    return f" 'nonce-{nonce}'" if nonce else ""


CSP = "Content-Security-Policy"
CONTENT_LANGUAGE = "Content-Language"
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
PAGE_HEADERS: Headers = (
    (CSP, _policy()),
    ("X-Frame-Options", "DENY"),
    # no-referrer would make browsers send `Origin: null`, and the CSRF check would refuse our own form.
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", PRIVATE),
    ("X-Content-Type-Options", "nosniff"),
)
KEEPS_OPENER = ("Cross-Origin-Opener-Policy", "unsafe-none")


def refuse_in_html(request: HttpRequest, refusal: OAuthError) -> HttpResponse:
    """
    Render an error page for a refusal; never a redirect. The log has the exact reason, and with DEBUG also the page.
    """
    reference = log_refusal(request.path, refusal)
    context = {
        **error_page.context_of(request, refusal),
        "reference": reference,
        "detail": f"{refusal.error}: {refusal.detail}" if settings.DEBUG else "",
    }
    # Without the request, the page does not look up the signed-in user, because the database is down.
    about = None if isinstance(refusal, TemporarilyUnavailable) else request
    page = "sign_out_refused" if isinstance(refusal, InvalidLogoutRequest) else "error"
    response = render_page(about, page, context, status=refusal.status)
    if refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    protect_page(response, about)
    return response


def on_every_page() -> dict[str, str]:
    """Return the template variables that every page has: the name of the service and its support contact."""
    return {"service_name": conf.SERVICE_NAME(), "support_contact": conf.SUPPORT_CONTACT()}


def render_page(request: HttpRequest | None, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render one of our templates, which a host project can override under oauth_service/."""
    with page_language() as language:
        response = render(request, f"oauth_service/{name}.html", {**on_every_page(), **context}, status=status)
    # Django's LocaleMiddleware would name the requested language.
    response.headers[CONTENT_LANGUAGE] = language
    return response
