"""The pages that users see of a self-registered app, and protection against imitated names."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from oauth_service.models import Client, Registration
from oauth_service.protocol import imitation, pkce
from oauth_service.protocol import registration as rules
from oauth_service.templatetags.oauth_service_links import leads_to
from tests.actors import FORM
from tests.database import connection
from tests.device.actors import Device, Visitor
from tests.guide import query_of
from tests.openid.conftest import hidden_fields
from tests.registration.actors import CALLBACK, Software

VERIFIER = "v" * 43
ITSELF = "This app registered itself."


def request(software: Software, **changes: str) -> dict[str, str]:
    """Return an authorization request of the client that was registered last."""
    return {
        "response_type": "code",
        "client_id": software.answer["client_id"],
        "redirect_uri": CALLBACK,
        "state": "st",
        "code_challenge": pkce.challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    } | changes


def page_of(browser: Browser, software: Software, **changes: str) -> str:
    """Return the consent page of the client that was registered last."""
    response = browser.get("/authorise/", request(software, **changes))
    assert response.status_code == 200
    return response.content.decode()


def connect(browser: Browser, software: Software) -> dict[str, Any]:
    """Allow the app, exchange the code and return the tokens."""
    page = browser.get("/authorise/", request(software))
    answered = browser.post("/authorise/", urlencode(hidden_fields(page)), content_type=FORM)
    code = query_of(answered["Location"])["code"]
    answer = software.exchange(code=code, code_verifier=VERIFIER)
    assert answer.status_code == 200, answer.content
    tokens: dict[str, Any] = answer.json()
    return tokens


@pytest.fixture
def signed_in(alice: User) -> Browser:
    """Alice's browser."""
    browser = Browser()
    browser.force_login(alice)
    return browser


def test_a_client_that_nobody_has_heard_of_is_connected(software: Software, signed_in: Browser) -> None:
    """
    The test registers, allows, exchanges, uses, renews and deletes a client. After that nothing is valid any more.
    """
    software.register(client_name="Notes", grant_types=["authorization_code", "refresh_token"])
    assert Registration.objects.get().purge_at is not None
    tokens = connect(signed_in, software)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert software.program.get("/userinfo/", headers=bearer).status_code == 200
    row = Registration.objects.get()
    assert (row.purge_at, row.connected_at is not None) == (None, True)
    assert software.delete().status_code == 204
    assert software.program.get("/userinfo/", headers=bearer).status_code == 401
    refreshed = software.exchange(grant_type="refresh_token", refresh_token=tokens["refresh_token"], code="")
    assert refreshed.json()["error"] == "invalid_client"


def test_the_page_says_that_the_app_named_itself(software: Software, signed_in: Browser, presc_man: Client) -> None:
    """The page also says where the browser goes. An app of the operator has no such notice."""
    software.register(client_name="Notes")
    page = page_of(signed_in, software)
    assert (ITSELF in page, "app.example</bdi>" in page, "though its name looks alike" in page) == (True, True, False)
    own = {"response_type": "code", "client_id": presc_man.client_id, "state": "st"}
    assert ITSELF not in signed_in.get("/authorise/", own).content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "Prescription Manager",
        "prescription-manager",
        "\u0420rescription \u041canager",
        "Prescrlption Manaqer (official) Prescription Manager",
        "P\u202eresc\u202cription Manager",
        "Presc\u200bription Manager",
        "\uff30rescription Manager",
        "OAuth Service",
    ],
)
def test_a_name_that_looks_like_an_app_of_ours_is_said_to_be_another(
    software: Software, signed_in: Browser, presc_man: Client, name: str
) -> None:
    """The check includes the name of this service."""
    software.register(client_name=name)
    assert "though its name looks alike" in page_of(signed_in, software)


def test_a_translated_name_is_held_against_ours_too(software: Software, signed_in: Browser, presc_man: Client) -> None:
    """The check covers every language, because the page may be read in any of them."""
    software.register(client_name="Notes", **{"client_name#de": "Prescription Manager"})
    assert "though its name looks alike" in page_of(signed_in, software)


def test_people_see_the_name_in_their_language(software: Software, signed_in: Browser) -> None:
    """Users see the registered translation, and viewing a page stores nothing."""
    software.register(client_name="Notes", **{"client_name#de": "Notizen", "client_name#fr": "Carnet"})
    german = page_of(signed_in, software, ui_locales="de-AT")
    assert ("Notizen" in german, "Carnet" in german, "hat sich selbst registriert" in german) == (True, False, True)
    assert "Notes" in page_of(signed_in, software)
    assert software.client.name == "Notes"


def test_people_who_sign_in_see_the_name_in_their_language(browser: Browser, software: Software) -> None:
    """The login page shows the same app as the consent page."""
    software.register(client_name="Notes", **{"client_name#de": "Notizen"})
    page = browser.get("/authorise/", request(software, ui_locales="de"), follow=True).content.decode()
    assert ("Notizen" in page, "Notes" in page) == (True, False)


def test_an_app_of_the_operators_costs_no_statement_more(signed_in: Browser, guide: Any, settings: Settings) -> None:
    """The statement that reads the client reads its registration, too."""
    counts = []
    for registration in ("", "open"):
        settings.OAUTH_SERVICE_REGISTRATION = registration
        with CaptureQueriesContext(connection) as statements:
            signed_in.get("/authorise/", guide.request())
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_device_is_asked_for_in_the_same_words(
    tv: Device, visitor: Visitor, presc_man: Client, is_open: None
) -> None:
    """The device may belong to a stranger."""
    software = Software()
    grant_types = ["urn:ietf:params:oauth:grant-type:device_code"]
    said = software.register(
        redirect_uris=[], grant_types=grant_types, token_endpoint_auth_method="none", client_name="Prescription Manager"
    )
    assert said["grant_types"] == grant_types
    begun = software.program.post(
        "/device-authorization/", urlencode({"client_id": said["client_id"]}), content_type=FORM
    ).json()
    page = visitor.enter(begun["user_code"]).content.decode()
    assert (ITSELF in page, "though its name looks alike" in page) == (True, True)


def test_a_client_that_moves_is_not_remembered(software: Software, signed_in: Browser) -> None:
    """Somebody who steals the token must not be able to send users who allowed the app to another address unasked."""
    software.register(client_name="Notes")
    connect(signed_in, software)
    assert signed_in.get("/authorise/", request(software)).status_code == 302
    software.replace(client_name="Notes", contacts=["ops@app.example"])
    assert signed_in.get("/authorise/", request(software)).status_code == 302
    stolen = "https://thief.example/callback"
    software.replace(client_name="Notes", redirect_uris=[stolen])
    assert signed_in.get("/authorise/", request(software, redirect_uri=stolen)).status_code == 200
    software.replace(client_name="Notes", redirect_uris=[CALLBACK])
    assert signed_in.get("/authorise/", request(software)).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["\u200b", "\u3164", "\u2800", "\xad\ufeff", "\u115f\u1160", "\u200d\u200c", "\u0301\u0301", "\U000e0041"],
    ids=ascii,
)
def test_a_name_that_nobody_sees_is_none(software: Software, signed_in: Browser, name: str) -> None:
    """The page would ask users to allow an app without a name. They see its website instead."""
    assert software.register(client_name=name)["client_name"] == "app.example"
    assert software.register(**{"client_name#de": name}).get("client_name#de") is None


def test_a_name_does_not_cover_the_lines_beside_it() -> None:
    """A pile of marks would cover the sentence that says that the app chose its name itself."""
    assert rules.clean_name("N" + "\u0301" * 90 + "otes") == "N" + "\u0301" * rules.MOST_MARKS + "otes"


@pytest.mark.parametrize(
    "name",
    [
        "Vi\u1ec7t Nam",
        "Vie\u0323\u0302t",
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "1\ufe0f\u20e3",
        "\u0e19\u0e49\u0e33",
    ],
    ids=ascii,
)
def test_a_name_in_any_language_stays(name: str) -> None:
    """Some languages need marks and joiners, and so do emoji."""
    assert rules.clean_name(name) == name


def test_a_link_says_its_host_in_ascii(software: Software, signed_in: Browser) -> None:
    """Cyrillic letters look like Latin ones: this host is not apple.com."""
    software.register(client_uri="https://\u0430\u0440\u0440\u04cf\u0435.com/")
    page = page_of(signed_in, software)
    assert "xn--80ak6aa92e.com</bdi>" in page
    assert "\u0430\u0440\u0440\u04cf\u0435.com</bdi>" not in page
    assert leads_to("https://m\xfcnchen.de:8443/") == "xn--mnchen-3ya.de:8443"
    assert leads_to("https://\uff45xample.com/") == "example.com"


def test_the_skeleton_of_a_name_is_what_is_seen_of_it() -> None:
    """Names that look alike are equal, and others are not."""
    alike = ["Modern Notes", "MODERN  NOTES", "Modem Notes", "M0dern-N0tes", "Μodern Νotes"]  # noqa: RUF001
    assert len({imitation.skeleton(each) for each in alike}) == 1
    assert imitation.imitated("Notes", ["Nodes", "Memos"]) == ""
    assert imitation.imitated("My Notes app", ["Memos", "Notes"]) == "Notes"
    # A short name is a part of many other names.
    assert imitation.imitated("Grape", ["rap"]) == ""
    assert imitation.imitated("???", ["!!!"]) == ""
