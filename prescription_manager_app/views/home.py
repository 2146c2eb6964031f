"""GET / -- the prescriptions of the connected patient, or a button to connect."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from prescription_manager_app.conf import LOOPBACK, registration
from prescription_manager_app.outcome_page import outcome_page
from prescription_manager_app.outcomes import FailedError
from prescription_manager_app.visits import visit_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the list, the landing page, or the outcome of the connection."""
    origin = _origin_of_callback(request)
    if origin:
        return HttpResponseRedirect(f"{origin}/")
    try:
        visit = visit_of(request)
    except FailedError as failure:
        return outcome_page(request, failure.outcome, retry_url=request.path)
    if visit is None:
        return render(request, "prescription_manager_app/landing.html")
    prescriptions = visit.patient.prescriptions.all()
    context = {
        "visit": visit,
        "current": [prescription for prescription in prescriptions if prescription.stopped_at is None],
        "stopped": [prescription for prescription in prescriptions if prescription.stopped_at is not None],
        "manage_apps_url": registration().manage_apps_url,
    }
    return render(request, "prescription_manager_app/prescriptions.html", context)


def _origin_of_callback(request: HttpRequest) -> str:
    """
    Origin to redirect to if this machine was addressed by another of its names; otherwise "".

    The cookie of http://localhost:5000 is not sent to the callback on http://127.0.0.1:5000, so connecting from there
    would always fail.
    """
    here = urlsplit(f"//{request.get_host()}")
    callback = urlsplit(registration().redirect_uri)
    if {here.hostname, callback.hostname} <= LOOPBACK and here.hostname != callback.hostname:
        return f"{callback.scheme}://{callback.netloc}"
    return ""
