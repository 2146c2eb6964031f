"""POST /oauth/deauthorise/ -- a user disconnects an app for good."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from .. import signals
from ..models import Consent
from ..web.pages import page_endpoint
from ..web.redirects import to_sign_in
from ..web.requests import ProgramRequest, body_parameters


@page_endpoint("POST")
def deauthorise(request: HttpRequest) -> HttpResponseBase:
    """Delete the consent, every pending code and every grant of the user for the client named by client_id."""
    connected_apps = reverse("oauth_service:manage_apps")
    if not request.user.is_authenticated:
        return to_sign_in(request, connected_apps)
    client_id = body_parameters(ProgramRequest.of(request)).require("client_id")
    mine = Consent.objects.filter(user_id=request.user.pk)
    consent = mine.filter(client__client_id=client_id).select_related("client").first()
    if consent:
        Consent.objects.withdraw(consent)
        facts = {"user_id": request.user.pk, "client_id": client_id, "reason": "by the user"}
        signals.announce(signals.app_deauthorised, **facts)
        name = consent.client.name
        messages.success(request, _("%(app)s no longer has access.") % {"app": name}, fail_silently=True)
    else:
        messages.info(request, _("This app was not connected."), fail_silently=True)
    return redirect(connected_apps)
