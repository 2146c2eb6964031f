"""GET, POST /manage-apps/ -- the apps that a user has connected, with ways to stop each, and their recent activity."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import conf
from ..models import AuditEvent, Client, Consent, Grant, Resource, ResourceRow
from ..models.audit_event import Event, RowFilter
from ..people import connections as connections_of_people
from ..protocol import client_standing
from ..protocol.client_standing import Tier
from ..protocol.resource_indicators import read
from ..web.pages import page_endpoint, protect_page, render_page
from ..web.redirects import to_sign_in
from ..web.requests import ProgramRequest, body_parameters

RECENT = 20
MOST_INSTALLS = 100  # of all apps together
READ = 200  # rows of an event that happens often; not each of them becomes a line

# Events that mean something to users. Codes and repeated renewals do not.
_SENTENCES = {
    Event.LOGIN_REFUSED: gettext_lazy("Somebody tried to sign in as you and was refused"),
    Event.CONSENT_GIVEN: gettext_lazy("You allowed %(app)s to see something of your account"),
    Event.TOKEN_ISSUED: gettext_lazy("%(app)s was connected"),
    Event.TOKEN_REFRESHED: gettext_lazy("%(app)s renewed its access"),
    Event.TOKEN_EXCHANGED: gettext_lazy("%(app)s got access to act for you"),
    Event.CODE_REPLAYED: gettext_lazy("%(app)s was disconnected, because what it connects with was used twice"),
    Event.DEVICE_APPROVED: gettext_lazy("You allowed a device to connect to %(app)s"),
    Event.DEVICE_DENIED: gettext_lazy("You did not allow a device to connect to %(app)s"),
    Event.DEVICE_CODE_REPLAYED: gettext_lazy("%(app)s was disconnected, because what it connects with was used twice"),
    Event.REFRESH_REPLAYED: gettext_lazy("%(app)s was disconnected, because what it connects with was used twice"),
    Event.REFRESH_SHARED: gettext_lazy("What %(app)s connects with was used twice, again and again"),
    Event.TOKEN_REVOKED: gettext_lazy("One connection of %(app)s was ended"),
    Event.APP_DEAUTHORISED: gettext_lazy("%(app)s was disconnected"),
    Event.CONNECTION_END_SET: gettext_lazy("You chose when %(app)s is disconnected"),
    Event.USER_TOKENS_REVOKED: gettext_lazy("%(app)s ended all your connections and signed you out everywhere"),
}
_OFTEN = {Event.LOGIN_REFUSED, Event.TOKEN_REFRESHED, Event.TOKEN_REVOKED}
_TOKEN_HANDED_BACK = (Event.TOKEN_REVOKED, "access_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A line of the recent activity."""

    event: Event
    app: str
    address: str
    at: datetime
    times: int = 1

    @property
    def sentence(self) -> str:
        """The event in plain words."""
        return str(_SENTENCES[self.event] % {"app": self.app})


@page_endpoint("GET", "POST")
def manage_apps(request: HttpRequest) -> HttpResponseBase:
    """
    List each app with its scope in words, its dates and its connections.

    A POST sets when an app is disconnected, or ends one of several connections. To cut an app off, see deauthorise().
    """
    if not request.user.is_authenticated:
        return to_sign_in(request, request.get_full_path())
    now = timezone.now()
    if request.method == "POST":
        return _change(request, now=now)
    words = conf.SCOPES()
    consents = list(Consent.objects.of_user(request.user.pk, now=now))
    resources = Resource.objects.described({each for consent in consents for each in read(consent.resources)})
    several = [consent.pk for consent in consents if consent.connection_count > 1]
    installs = Grant.objects.of_consents(several, now=now, most=MOST_INSTALLS)
    connections = [
        {
            "client_id": consent.client.client_id,
            "client_name": consent.client.name,
            "operator": consent.client.operator,
            "client_uri": consent.client.client_uri,
            "logo_uri": consent.client.logo_uri,
            "tier": _tier_of(consent.client),
            "scopes": [words.get(name, name) for name in consent.scope.split()],
            "resources": [
                _at(identifier, scope, resources.get(identifier))
                for identifier, scope in read(consent.resources).items()
            ],
            "given_at": consent.given_at,
            "last_used_at": consent.last_used_at,
            "connection_count": consent.connection_count,
            "installs": installs.get(consent.pk, []),
            "more_installs": consent.connection_count - len(installs.get(consent.pk, [])),
            "ends_at": connections_of_people.end_of(consent, connected_at=consent.connected_at),
            "has_end": consent.ends_at is not None,
            "spans": [int(days) for days in connections_of_people.offered(consent.client)],
            "services": [each.name for each in Client.objects.services_of(consent.client)],
        }
        for consent in consents
    ]
    response = render_page(
        request,
        "manage_apps",
        {
            "connections": connections,
            "activities": _activities_of(request.user.pk),
            "ends_on_password_change": conf.END_CONNECTIONS_ON_PASSWORD_CHANGE(),
        },
    )
    # If the session has ended meanwhile, a form on this page leads to the login, and a project's own login page may
    # lead on.
    is_ours = resolve_url(settings.LOGIN_URL).rstrip("/") == reverse("oauth_service:login").rstrip("/")
    protect_page(response, request, leads_on=not is_ours)
    return response


def _tier_of(client: Client) -> Tier | None:
    """Return how well known an app is that introduced itself; None if the operator vouches for it."""
    if client.is_vouched_for:
        return None
    return client_standing.lowest_tier(client, client.redirect_uri_list, known_hosts=conf.KNOWN_CLIENT_HOSTS())


def _change(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    parameters = body_parameters(ProgramRequest.of(request))
    if grant_id := parameters.get("connection"):
        if connections_of_people.end_one(request.user.pk, grant_id, now=now):
            messages.success(request, _("The connection was ended."), fail_silently=True)
        else:
            messages.info(request, _("This connection had ended before."), fail_silently=True)
        return redirect("oauth_service:manage_apps")
    client_id, span = parameters.require("client_id"), parameters.require("ends_in")
    consent = connections_of_people.set_end(request.user.pk, client_id, span, now=now)
    if consent is None:
        messages.info(request, _("This app was not connected."), fail_silently=True)
    elif consent.ends_at:
        at = date_format(timezone.localtime(consent.ends_at), "DATETIME_FORMAT")
        sentence = _("%(app)s will be disconnected on %(at)s.") % {"app": consent.client.name, "at": at}
        messages.success(request, sentence, fail_silently=True)
    else:
        sentence = _("%(app)s stays connected until you revoke its access.") % {"app": consent.client.name}
        messages.success(request, sentence, fail_silently=True)
    return redirect("oauth_service:manage_apps")


def _at(identifier: str, scope: str, resource: ResourceRow | None) -> dict[str, Any]:
    words = {**conf.SCOPES(), **(resource.words if resource else {})}
    return {
        "name": resource.name if resource else identifier,
        "scopes": [words.get(name, name) for name in scope.split()],
    }


def _activities_of(user_id: Any) -> list[Activity]:
    # Read the events kind by kind: anybody can make sign-ins as this user fail, as often as they like, and must not
    # push out more important lines.
    kinds = [
        RowFilter({"user_id": user_id, "event": event.value}, READ if event in _OFTEN else RECENT)
        for event in _SENTENCES
    ]
    # An app that revokes an access token it no longer needs is still connected.
    events = [each for each in AuditEvent.objects.latest_of(kinds) if (each.event, each.reason) != _TOKEN_HANDED_BACK]
    told = sorted(events, key=lambda event: (event.latest_at, event.pk), reverse=True)
    lines: dict[Any, AuditEvent] = {}
    refused: Counter[Any] = Counter()
    for each in told:
        lines.setdefault(_line_of(each), each)
        if each.event == Event.LOGIN_REFUSED:  # the number of renewals means nothing to users
            refused[_line_of(each)] += each.event_count
    shown = list(lines.values())[:RECENT]
    names = dict(
        Client.objects.filter(client_id__in={event.client_id for event in shown}).values_list("client_id", "name")
    )
    gone = _("An app that is no longer here")
    return [
        Activity(
            event=Event(each.event),
            app=names.get(each.client_id) or gone,
            address=each.address,
            at=each.latest_at,
            times=refused[_line_of(each)] or 1,
        )
        for each in shown
    ]


def _line_of(event: AuditEvent) -> Any:
    day = timezone.localdate(event.latest_at)
    match event.event:
        case Event.LOGIN_REFUSED:
            return event.event, day
        case Event.TOKEN_REFRESHED:
            return event.event, day, event.client_id, event.address
        case _:
            return event.pk
