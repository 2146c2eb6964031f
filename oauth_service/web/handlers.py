"""Django's error handlers in the design of our pages: handler400, handler404, handler500 and CSRF_FAILURE_VIEW."""

import sys
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from .. import signals
from .pages import protect_page, refuse_in_html, render_page
from .refusals import logger, on_one_line, unavailable
from .requests import ProgramRequest


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW in the design of our pages."""
    reference = _reference_of(request)
    logger.warning("csrf endpoint=%s reference=%s reason=%r", on_one_line(request.path), reference, reason)
    context = {"reference": reference, "detail": reason if settings.DEBUG else ""}
    response = render_page(request, "csrf_failure", context, status=403)
    protect_page(response, request, keeps_opener=True)
    return response


def server_error(request: HttpRequest) -> HttpResponseBase:
    """
    Django's handler500 in the design of our pages. Django's log has the failure, beside the page's reference.

    A database outage is a 503 outside our own views, too (sessions, the admin).
    """
    failure = sys.exc_info()[1]
    if refusal := _refuse_outside(request, failure):
        return refusal
    reference = _reference_of(request)
    logger.error("failure endpoint=%s reference=%s", on_one_line(request.path), reference)
    try:
        # Without the request, the page does not look up the signed-in user, which may be what fails.
        response: HttpResponseBase = render_page(None, "failure", {"reference": reference}, status=500)
    except Exception:
        logger.exception("the error page could not be rendered reference=%s", reference)
        response = defaults.server_error(request)
    protect_page(response)
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404 in the design of our pages."""
    response = render_page(request, "missing", {}, status=404)
    protect_page(response, request)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400. Django also calls it if a session could not be stored because the database is down."""
    return _refuse_outside(request, exception) or defaults.bad_request(request, exception)


def _refuse_outside(request: HttpRequest, failure: BaseException | None) -> HttpResponseBase | None:
    refusal = next(filter(None, map(unavailable, _causes(failure))), None)
    if not refusal:
        return None
    call = ProgramRequest.of(request)
    with signals.request_context("outside", call.method, call.address, call.request_id) as context:
        response = refuse_in_html(request, refusal)
        context.status = response.status_code
    return response


def _reference_of(request: HttpRequest) -> str:
    # Django calls these handlers before or after our endpoint handles the request.
    context = signals.current_request()
    return (
        context if context.endpoint else signals.RequestContext(request_id=ProgramRequest.of(request).request_id)
    ).reference


def _causes(failure: BaseException | None) -> Iterator[Exception]:
    while isinstance(failure, Exception):
        yield failure
        failure = failure.__cause__ or failure.__context__
