"""The trust tier of an app: its words on the pages, who sets it, and what resets it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from oauth_service.models import AuditEvent, Client
from oauth_service.watch import audit
from tests.endpoints.page import Page
from tests.openid.conftest import RelyingParty, provider, rp
from tests.registration.actors import CALLBACK, Software
from tests.registration.test_consent import connect, page_of, request, signed_in

__all__ = ["provider", "rp", "signed_in"]

LABELS = {
    "An app of this service",
    "Checked by the operator",
    "Known website",
    "Unknown website",
    "Name not checked",
    "App on this device",
}
LOOPBACK = "http://127.0.0.1:51004/callback"


def facts_on(page: Any) -> list[str]:
    """Return the labels about the app's trust tier on a page."""
    html = page if isinstance(page, str) else page.content.decode()
    listed = html.partition('class="standing"')[2].partition("</ul>")[0]
    assert listed.count("<svg") == listed.count("<li"), "an icon beside each"
    marks = re.findall(r'class="tier-mark">\s*<svg.*?</svg>\s*<span>([^<]*)</span>', html, re.DOTALL)
    found = [*marks, *re.findall(r"<span>\s*<strong>([^<]*)</strong>", listed)]
    return [" ".join(label.split()) for label in found]


def said_on(page: Any) -> str:
    """Return the words of a page without spaces before full stops and commas."""
    return Page(page).text.replace(" .", ".").replace(" ,", ",")


# -- words for users -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "known", "facts"),
    [
        ({}, [], ["Name not checked"]),
        ({}, ["app.example"], ["Known website", "Name not checked"]),
        ({"is_checked": True}, [], ["Checked by the operator"]),
        ({"is_first_party": True}, [], ["An app of this service"]),
        ({"is_checked": True, "is_first_party": True}, [], ["An app of this service"]),
        ({"client_id": "https://maker.example/app.json"}, [], ["Unknown website"]),
        ({"client_id": "https://maker.example/app.json"}, ["maker.example"], ["Known website"]),
    ],
    ids=str,
)
def test_each_tier_is_said_in_words_and_by_an_icon(
    software: Software,
    signed_in: Browser,
    settings: Settings,
    columns: dict[str, Any],
    known: list[str],
    facts: list[str],
) -> None:
    """Colour alone must not carry the meaning."""
    settings.OAUTH_SERVICE_KNOWN_CLIENT_HOSTS = known
    software.register(client_name="Notes")
    Client.objects.filter(pk=software.client.pk).update(**columns)
    page = page_of(signed_in, software, **{name: each for name, each in columns.items() if name == "client_id"})
    assert facts_on(page) == facts
    assert ("registered itself" in page) == ("Name not checked" in facts)


def test_an_app_on_the_device_is_both(software: Software, signed_in: Browser) -> None:
    """The app's name is unchecked, and any program on the device can take its address."""
    software.register(redirect_uris=[LOOPBACK], token_endpoint_auth_method="none")
    page = page_of(signed_in, software, redirect_uri=LOOPBACK)
    assert facts_on(page) == ["Name not checked", "App on this device"]
    assert "Any program on this device can claim to be this app." in page


def test_a_name_that_imitates_is_no_longer_said_to_once_staff_have_checked_it(
    software: Software, signed_in: Browser, presc_man: Client
) -> None:
    """Staff saw the warning in the admin before they checked the name."""
    software.register(client_name="Prescription Manager")
    Client.objects.update(is_checked=True)
    assert "though its name looks alike" not in page_of(signed_in, software)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "It stays connected until you disconnect it in Manage Connected Apps."),
        (
            {"connection_lifetime": timedelta(days=7)},
            "until you disconnect it in Manage Connected Apps, for 7 days at most.",
        ),
        (
            {"connection_lifetime": timedelta(hours=36)},
            "until you disconnect it in Manage Connected Apps, for 36 hours at most.",
        ),
        (
            {"grant_types": "authorization_code"},
            "until you disconnect it in Manage Connected Apps, for 1 hour at most.",
        ),
        (
            {"grant_types": "authorization_code", "connection_lifetime": timedelta(seconds=90)},
            "until you disconnect it in Manage Connected Apps, for 90 seconds at most.",
        ),
    ],
    ids=str,
)
def test_the_page_says_how_long_a_connection_lasts(
    alices: Browser, guide: Any, columns: dict[str, Any], said: str
) -> None:
    """The limit is the client's or the server's. Without refresh tokens the connection lasts as long as the token."""
    Client.objects.update(**columns)
    assert said in said_on(alices.get("/authorise/", guide.request()))


def test_a_connection_of_a_sign_in_ends_with_it(rp: RelyingParty) -> None:
    """An app with offline_access stays connected while the user is away."""
    rp.sign_in()
    assert "until you sign out or disconnect it in Manage Connected Apps." in said_on(rp.ask(scope="openid"))
    assert "It stays connected until you disconnect it in Manage Connected Apps." in said_on(
        rp.ask(scope="openid offline_access")
    )


def test_the_domain_stands_beside_the_name_if_it_is_known(alices: Browser, guide: Any) -> None:
    """
    The operator has seen the website of a client that they registered. A client's own claim proves nothing: the page only
    says where its link to the website leads.
    """
    Client.objects.update(client_uri="https://rx.example/about")
    assert "Run by Wonderland Health Website: rx.example" in Page(alices.get("/authorise/", guide.request())).text
    Client.objects.update(is_checked=False)
    said = Page(alices.get("/authorise/", guide.request())).text
    assert said.replace("Website rx.example", "").count("rx.example") == 0
    Client.objects.update(client_id="https://maker.example/app.json")
    assert (
        "maker.example"
        in Page(alices.get("/authorise/", guide.request(client_id="https://maker.example/app.json"))).text
    )


def test_connected_apps_that_introduced_themselves_are_marked(
    software: Software, signed_in: Browser, settings: Settings
) -> None:
    """The words are the same, and name the weakest point. A client that staff checked is not marked."""
    software.register(client_name="Notes", redirect_uris=[CALLBACK, LOOPBACK])
    connect(signed_in, software)
    assert "App on this device" in Page(signed_in.get("/manage-apps/")).text
    Client.objects.update(redirect_uris=CALLBACK)
    assert "Name not checked" in Page(signed_in.get("/manage-apps/")).text
    settings.OAUTH_SERVICE_KNOWN_CLIENT_HOSTS = ["app.example"]
    assert "Known website" in Page(signed_in.get("/manage-apps/")).text
    Client.objects.update(is_checked=True)
    text = Page(signed_in.get("/manage-apps/")).text
    assert [label for label in LABELS if label in text] == []


# -- setting and removing the mark -----------------------------------------------------------------------------------


def test_a_client_that_registers_itself_is_not_checked(software: Software, presc_man: Client) -> None:
    """A client that the operator registers counts as checked."""
    software.register(client_name="Notes")
    assert (software.client.is_checked, presc_man.is_checked) == (False, True)
    assert (software.client.is_first_party, presc_man.is_first_party) == (False, False)


def test_a_client_cannot_mark_itself(software: Software) -> None:
    """The client can send anything, at registration or later, without effect on the marks."""
    marks: dict[str, Any] = {"is_checked": True, "is_first_party": True, "first_party": True, "checked": True}
    said = software.register(client_name="Notes", **marks)
    software.replace(client_name="Notes", **marks)
    assert (software.client.is_checked, software.client.is_first_party) == (False, False)
    assert not marks.keys() & said.keys()


@pytest.mark.parametrize(
    ("members", "stays"),
    [
        ({}, True),
        ({"contacts": ["ops@app.example"]}, True),
        ({"client_name": "Bank"}, False),
        ({"client_name#de": "Bank"}, False),
        ({"client_uri": "https://bank.example/"}, False),
        ({"logo_uri": "https://bank.example/logo.png"}, False),
        ({"redirect_uris": ["https://thief.example/callback"]}, False),
    ],
    ids=str,
)
def test_what_staff_have_checked_is_unchecked_once_it_changes(
    software: Software, monkeypatch: pytest.MonkeyPatch, members: dict[str, Any], stays: bool
) -> None:
    """Staff checked something else."""
    monkeypatch.setattr("oauth_service.clients.logo.fetch_soon", lambda _url: None)
    software.register(client_name="Notes")
    Client.objects.update(is_checked=True, is_first_party=True)
    assert software.replace(**{"client_name": "Notes", **members}).status_code == 200
    assert (software.client.is_checked, software.client.is_first_party) == (stays, stays)


def test_a_public_client_that_registered_itself_is_asked_about_each_time(
    software: Software, signed_in: Browser
) -> None:
    """The client_id proves nothing. After staff checked its redirect URIs, an https one does."""
    software.register(client_name="Notes", token_endpoint_auth_method="none")
    connect(signed_in, software)
    assert signed_in.get("/authorise/", request(software)).status_code == 200
    Client.objects.update(is_checked=True)
    assert signed_in.get("/authorise/", request(software)).status_code == 302


def staff_with(*permissions: str) -> Browser:
    """Return the browser of a staff member with these permissions."""
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_staff_who_may_change_clients_set_both_marks_and_it_is_told(
    software: Software, django_capture_on_commit_callbacks: Any
) -> None:
    """The change is an event with the values before and after. Staff with view permission only cannot change it."""
    software.register(client_name="Notes")
    url = reverse("admin:oauth_service_client_change", args=[software.client.pk])
    browser = staff_with("view_client", "change_client")
    initial = browser.get(url).context["adminform"].form.initial
    form = {name: value for name, value in initial.items() if value not in (None, False, "")}
    form["scope"], form["grant_types"] = form["scope"].split(), form["grant_types"].split()
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(url, form | {"is_checked": "on", "is_first_party": "on"})
    assert response.status_code == 302, response.context["adminform"].form.errors
    assert (software.client.is_checked, software.client.is_first_party) == (True, True)
    audit.flush()
    changes = AuditEvent.objects.get(event="administered").changes
    assert [name for name in ("is_checked", "is_first_party") if f"{name}: False → True" not in changes] == [], changes
    assert "You have checked its name" in browser.get(url).content.decode()


def test_staff_who_may_only_look_change_neither(software: Software) -> None:
    """The form cannot be submitted with view permission only."""
    software.register(client_name="Notes")
    url = reverse("admin:oauth_service_client_change", args=[software.client.pk])
    assert staff_with("view_client").post(url, {"is_checked": "on"}).status_code == 403
    assert software.client.is_checked is False


def test_without_clients_that_introduce_themselves_nothing_is_to_be_checked(
    presc_man: Client, settings: Settings
) -> None:
    """A feature that is off is absent from the form, while the mark of a first-party app is always there."""
    url = reverse("admin:oauth_service_client_change", args=[presc_man.pk])
    form = staff_with("view_client", "change_client").get(url).context["adminform"].form
    assert ("is_first_party" in form.fields, "is_checked" in form.fields) == (True, False)
