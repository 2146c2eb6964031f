"""POST /connect/ -- Step 1: send Alice's browser to the authorization server (RFC 6749 section 4.1.1)."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from prescription_manager_app import sessions
from prescription_manager_app.models import Authorization
from prescription_manager_app.recording import record_departure
from prescription_manager_app.visits import server_for


@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    """Begin an authorization that only this browser session can complete. POST, so that no link can begin one."""
    if sessions.connection_id(request.session) is not None:
        return redirect("home")
    departure = Authorization.objects.begin(sessions.visitor(request.session), now=timezone.now())
    url = server_for(request).authorization_url(state=departure.state, code_verifier=departure.code_verifier)
    record_departure(request, url)
    return HttpResponseRedirect(url)
