"""/oauth/deauthorise/: a user disconnects an app. No other user can, and no other connection is affected."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import AuthorizationCode, Client, Consent, Grant
from tests.endpoints.page import Page
from tests.guide import FORM, JSON, Guide


def row_counts() -> tuple[int, int, int]:
    """Return the number of consents, pending codes and grants."""
    return Consent.objects.count(), AuthorizationCode.objects.count(), Grant.objects.count()


def test_everything_between_the_two_ends(guide: Guide) -> None:
    """The consent, a pending code and the connections of every device end."""
    first, second, code = guide.tokens(), guide.tokens(), guide.code()
    response = guide.deauthorise()
    assert (response.status_code, response["Location"], row_counts()) == (302, "/manage-apps/", (0, 0, 0))
    assert [guide.is_alive(tokens["access_token"]) for tokens in (first, second)] == [False, False]
    assert guide.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert guide.exchange(code).json()["error"] == "invalid_grant"


def test_another_persons_connection_to_the_same_app_stays(guide: Guide) -> None:
    """A deauthorisation must not affect other users."""
    dinah = Guide(User.objects.create_user("dinah"), guide.client)
    theirs = dinah.tokens()
    guide.tokens()
    guide.deauthorise()
    assert dinah.is_alive(theirs["access_token"])
    assert row_counts() == (1, 0, 1)


def test_the_same_persons_other_apps_stay(guide: Guide) -> None:
    """Only the named app is disconnected."""
    other = Client.objects.create(name="Other", client_id="other", redirect_uris="https://other.example/callback")
    Consent.objects.create(user=guide.alice, client=other, scope="user", given_at=guide.alice.date_joined)
    guide.tokens()
    guide.deauthorise()
    assert [consent.client.client_id for consent in Consent.objects.select_related("client")] == ["other"]


def test_an_app_of_another_user_stays_connected(guide: Guide) -> None:
    """Dinah names an app that only Alice has connected."""
    tokens = guide.tokens()
    Guide(User.objects.create_user("dinah"), guide.client).deauthorise()
    assert guide.is_alive(tokens["access_token"])


@pytest.mark.parametrize("client_id", ["presc_man_123", "nobody"], ids=["not connected", "unknown"])
def test_what_is_not_connected_is_said_to_be_so(guide: Guide, client_id: str) -> None:
    """The words are the same in both cases, so nobody learns which apps exist."""
    guide.client.client_id = client_id
    response = guide.deauthorise()
    page = Page(guide.browser.get(response["Location"]))
    assert (response.status_code, "This app was not connected." in page.text) == (302, True)


def test_a_second_click_is_harmless(guide: Guide) -> None:
    """Double clicks and second tabs happen."""
    guide.tokens()
    assert [guide.deauthorise().status_code, guide.deauthorise().status_code] == [302, 302]


def test_who_is_not_signed_in_signs_in_first(guide: Guide) -> None:
    """The session may end while the page is open. After the login the user is back at the page with the buttons."""
    tokens = guide.tokens()
    response = Browser().post("/oauth/deauthorise/", {"client_id": "presc_man_123"})
    assert response["Location"] == "/login/?next=/manage-apps/"
    assert guide.is_alive(tokens["access_token"])


def test_another_sites_form_cuts_nothing_off(alices: Browser, guide: Guide) -> None:
    """The form of another site has no CSRF token."""
    tokens = guide.tokens()
    response = alices.post("/oauth/deauthorise/", "client_id=presc_man_123", content_type=FORM)
    assert (response.status_code, guide.is_alive(tokens["access_token"])) == (403, True)


def test_a_link_cuts_nothing_off(guide: Guide) -> None:
    """A GET request must change nothing."""
    tokens = guide.tokens()
    response = guide.browser.get("/oauth/deauthorise/?client_id=presc_man_123")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert guide.is_alive(tokens["access_token"])


@pytest.mark.parametrize(
    "body", ["", "client_id=", "client_id=presc_man_123&client_id=presc_man_123", "client_id=%00", "client_id=%FF"]
)
def test_a_malformed_form_is_refused_on_a_page(guide: Guide, body: str) -> None:
    """A malformed request must change nothing."""
    tokens = guide.tokens()
    response = guide.browser.post("/oauth/deauthorise/", body, content_type=FORM)
    assert "This request cannot be answered" in Page(response).text
    assert (response.status_code, guide.is_alive(tokens["access_token"])) == (400, True)


def test_json_will_do_too(guide: Guide) -> None:
    """A host project's own page may send JSON."""
    guide.tokens()
    guide.browser.post("/oauth/deauthorise/", json.dumps({"client_id": "presc_man_123"}), content_type=JSON)
    assert row_counts() == (0, 0, 0)


def test_connecting_again_afterwards_brings_nothing_back(guide: Guide) -> None:
    """The new consent is another row, so everything that depended on the old one stays dead."""
    old = guide.tokens()
    guide.deauthorise()
    new = guide.tokens()
    assert [guide.is_alive(tokens["access_token"]) for tokens in (old, new)] == [False, True]
    assert guide.refresh(old["refresh_token"]).json()["error"] == "invalid_grant"
