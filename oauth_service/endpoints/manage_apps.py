"""GET, POST /manage-apps/ -- the apps that a user has connected, with ways to stop each, and their recent activity."""

from collections.abc import Iterable, Mapping
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

from .. import conf
from ..models import Client, Consent, Grant, Resource, ResourceRow
from ..people import activity
from ..people import connections as connections_of_people
from ..protocol import client_standing
from ..protocol.client_standing import Tier
from ..protocol.resource_indicators import read
from ..web.pages import page_endpoint, protect_page, render_page
from ..web.redirects import to_sign_in
from ..web.requests import ProgramRequest, body_parameters, query_parameters

MOST_INSTALLS = 100  # of all apps together


@page_endpoint("GET", "POST")
def manage_apps(request: HttpRequest) -> HttpResponseBase:
    """
    List each app with its scope in words, its dates and its connections.

    A GET that names an app or one of its connections asks whether to end it. deauthorise() ends an app. A POST here ends one
    of several connections, or sets when an app is disconnected.
    """
    if not request.user.is_authenticated:
        return to_sign_in(request, request.get_full_path())
    now = timezone.now()
    if request.method == "POST":
        return _change(request, now=now)
    if "client_id" in request.GET or "connection" in request.GET:
        return _confirmation_page(request, now=now)
    consents = list(Consent.objects.of_user(request.user.pk, now=now))
    words = _all_words(consents)
    resources = Resource.objects.described({each for consent in consents for each in read(consent.resources)})
    several = [consent.pk for consent in consents if consent.connection_count > 1]
    installs = Grant.objects.of_consents(several, now=now, most=MOST_INSTALLS)
    connections = [
        _in_words(consent, words, resources)
        | {
            "operator": consent.client.operator,
            "client_uri": consent.client.client_uri,
            "tier": _tier_of(consent.client),
            "given_at": consent.given_at,
            "last_used_at": consent.last_used_at,
            "installs": installs.get(consent.pk, []),
            "more_installs": consent.connection_count - len(installs.get(consent.pk, [])),
            "ends_at": connections_of_people.end_of(consent, connected_at=consent.connected_at),
            "has_end": consent.ends_at is not None,
            "spans": [int(days) for days in connections_of_people.offered(consent.client)],
        }
        for consent in consents
    ]
    told = activity.of_user(request.user.pk, connected={consent.client.client_id for consent in consents}, now=now)
    response = render_page(
        request,
        "manage_apps",
        {
            "connections": connections,
            "security_messages": told.security,
            "activities": told.others,
            "ends_on_password_change": conf.END_CONNECTIONS_ON_PASSWORD_CHANGE(),
        },
    )
    # If the session has ended meanwhile, a form on this page leads to the login, and a project's own login page may
    # lead on.
    protect_page(response, request, leads_on=_login_may_lead_on())
    return response


def _all_words(consents: Iterable[Any]) -> Mapping[str, str]:
    """Return the descriptions of the scopes that the apps have at no particular API."""
    words: Mapping[str, str] = conf.SCOPES()
    if words.keys() >= {name for consent in consents for name in consent.scope.split()}:
        return words
    return {**Resource.objects.words(), **words}  # scopes of an API, requested without naming it


def _in_words(consent: Any, words: Mapping[str, str], resources: Mapping[str, ResourceRow]) -> dict[str, Any]:
    """Return an app and what it can see and do, for a template."""
    general = _words_of(consent.scope, words)
    return {
        "client_id": consent.client.client_id,
        "client_name": consent.client.name,
        "logo_uri": consent.client.logo_uri,
        "scopes": general["scopes"],
        "actions": general["actions"],
        "resources": [
            _at(identifier, scope, resources.get(identifier)) for identifier, scope in read(consent.resources).items()
        ],
        "connection_count": consent.connection_count,
        "services": [each.name for each in Client.objects.services_of(consent.client)],
    }


def _confirmation_page(request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Ask once whether to revoke the access of an app, or to end one of its connections, and say what ends with it."""
    parameters = query_parameters(request)
    grant_id, grant = parameters.get("connection"), None
    mine = Consent.objects.of_user(request.user.pk, now=now)
    if grant_id:
        grant = connections_of_people.find_one(request.user.pk, grant_id, now=now)
        consent = mine.filter(pk=grant.consent_id).first() if grant else None
    else:
        consent = mine.filter(client__client_id=parameters.get("client_id")).first()
    if consent is None:
        sentence = _("This connection had ended before.") if grant_id else _("This app was not connected.")
        messages.info(request, sentence, fail_silently=True)
        return redirect("oauth_service:manage_apps")
    resources = Resource.objects.described(set(read(consent.resources)))
    connection = _in_words(consent, _all_words([consent]), resources)
    response = render_page(request, "revoke", {"connection": connection, "install": grant})
    protect_page(response, request, leads_on=_login_may_lead_on())
    return response


def _login_may_lead_on() -> bool:
    return resolve_url(settings.LOGIN_URL).rstrip("/") != reverse("oauth_service:login").rstrip("/")


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
        sentence = _("On %(at)s, %(app)s will be disconnected.") % {"app": consent.client.name, "at": at}
        messages.success(request, sentence, fail_silently=True)
    else:
        sentence = _("%(app)s stays connected until you revoke its access.") % {"app": consent.client.name}
        messages.success(request, sentence, fail_silently=True)
    return redirect("oauth_service:manage_apps")


def _at(identifier: str, scope: str, resource: ResourceRow | None) -> dict[str, Any]:
    words = {**conf.SCOPES(), **(resource.words if resource else {})}
    return {"name": resource.name if resource else identifier, **_words_of(scope, words)}


def _words_of(scope: str, words: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what a scope lets an app see, and what it lets it do (OAUTH_SERVICE_ACTION_SCOPES)."""
    actions = conf.ACTION_SCOPES()
    return {
        "scopes": [words.get(name, name) for name in scope.split() if name not in actions],
        "actions": [words.get(name, name) for name in scope.split() if name in actions],
    }
