"""GET /manage-apps/ -- the apps that a person has connected, each with a way to cut it off."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from .. import conf
from ..http import answers_in_html, render_page
from ..models import Consent


@answers_in_html("GET")
@login_required
def manage_apps(request: HttpRequest) -> HttpResponseBase:
    """List what each app may see in words, since when, when it was last used and from how many connections."""
    words = conf.SCOPES()
    connections = [
        {
            "client_id": consent.client.client_id,
            "client_name": consent.client.name,
            "operator": consent.client.operator,
            "client_uri": consent.client.client_uri,
            "scopes": [words.get(name, name) for name in consent.scope.split()],
            "given_at": consent.given_at,
            "last_used_at": consent.last_used_at,
            "connection_count": consent.connection_count,
        }
        for consent in Consent.objects.of_user(request.user.pk, now=timezone.now())
    ]
    return render_page(request, "manage_apps", {"connections": connections})
