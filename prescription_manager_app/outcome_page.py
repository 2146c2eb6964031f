"""The page that tells Alice how something ended, and offers her a way on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from prescription_manager_app import sessions
from prescription_manager_app.conf import registration
from prescription_manager_app.outcomes import Outcome, WayOn


def outcome_page(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    """Render an outcome under its own HTTP status."""
    context = {
        "outcome": outcome.value,
        "good": outcome is Outcome.SIGNED_OUT,
        "connect": outcome.value.way_on is WayOn.CONNECT and sessions.CONNECTION not in request.session,
        # The page of a failed POST must not be requested again by its address: that takes a GET.
        "retry_url": request.path if outcome.value.way_on is WayOn.RETRY and request.method == "GET" else "",
        "manage_apps_url": registration().manage_apps_url if outcome.value.manage_apps else "",
    }
    return render(request, "prescription_manager_app/outcome.html", context, status=outcome.value.status)
