"""GET /metrics -- counters for Prometheus, for callers that the settings let in."""

import hmac
import ipaddress

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from .. import conf
from ..database import without_transaction
from ..web.programs import IS_JSON, NO_STORE, NOT_SNIFFED
from ..web.reports import redacted_reports


class _Metrics(View):
    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if _has_secret(request) or _is_from_inside(request):
            from ..watch.metrics import CONTENT_TYPE, exposition

            return HttpResponse(exposition(), content_type=CONTENT_TYPE)
        if conf.METRICS_SECRET():
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
        return HttpResponse(status=404)


@login_not_required
@csrf_exempt  # a POST gets a 405 for programs, not a page for users
@without_transaction
def metrics(request: HttpRequest) -> HttpResponseBase:
    """
    Return the metrics; 404 unless OAUTH_SERVICE_METRICS_SECRET or OAUTH_SERVICE_METRICS_ADDRESSES lets anybody in.

    Other origins may not read this endpoint, so that a page in an operator's browser cannot.
    """
    with redacted_reports(request):
        response = _Metrics.as_view()(request)
        # Metrics have Prometheus's content type. All other responses are empty and have the usual headers for programs.
        is_exposition = response.status_code == 200 and request.method != "OPTIONS"
        for name, value in (NOT_SNIFFED, *NO_STORE, *(() if is_exposition else IS_JSON)):
            response.headers[name] = value
        return response


def _has_secret(request: HttpRequest) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    secret = conf.METRICS_SECRET()
    return bool(secret) and scheme.lower() == "bearer" and hmac.compare_digest(sent.encode(), secret.encode())


def _is_from_inside(request: HttpRequest) -> bool:
    # A proxy that is not configured would make every request look as if it came from inside.
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in conf.METRICS_ADDRESSES())
