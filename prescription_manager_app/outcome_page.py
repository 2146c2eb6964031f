"""Page that tells Alice how something ended, and offers a next step."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from prescription_manager_app import sessions
from prescription_manager_app.conf import registration
from prescription_manager_app.outcomes import Outcome, WayOn


def outcome_page(request: HttpRequest, outcome: Outcome, *, retry_url: str = "") -> HttpResponse:
    """
    Render an outcome with its own HTTP status.

    Args:
        retry_url: the page that Alice asked for, if asking again may help; "" if she has to connect again.
    """
    way_on = outcome.value.way_on
    retry_url = retry_url if way_on is WayOn.RETRY else ""
    context = {
        "outcome": outcome.value,
        "good": outcome is Outcome.SIGNED_OUT,
        "retry_url": retry_url,
        "connect": way_on is not WayOn.HOME and not retry_url and sessions.connection_id(request.session) is None,
        "manage_apps_url": registration().manage_apps_url if outcome.value.manage_apps else "",
    }
    return render(request, "prescription_manager_app/outcome.html", context, status=outcome.value.status)
