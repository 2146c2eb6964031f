"""/logout/ and /signed-out/: the session ends here, and connected apps stay connected."""

from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from tests.endpoints.page import Page
from tests.guide import Guide


def test_signing_out_ends_the_session_and_says_so(alices: Browser) -> None:
    """The page also says what a sign-out does not end."""
    response = Page(alices.get("/manage-apps/")).press(alices, "Sign out")
    assert response["Location"] == "/signed-out/"
    page = Page(alices.get("/signed-out/"))
    assert "You are signed out" in page.text
    assert "The apps you have connected stay connected." in page.text
    assert alices.get("/manage-apps/").status_code == 302


def test_connected_apps_stay_connected(guide: Guide) -> None:
    """A sign-out does not withdraw any consent."""
    tokens = guide.tokens()
    guide.browser.post("/logout/")
    assert guide.is_alive(tokens["access_token"])
    assert guide.refresh(tokens["refresh_token"]).status_code == 200


def test_a_link_signs_nobody_out(alices: Browser) -> None:
    """Otherwise an image on any page could sign users out."""
    response = alices.get("/logout/")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert alices.get("/manage-apps/").status_code == 200


def test_another_sites_form_signs_nobody_out(alices: Browser) -> None:
    """The form of another site has no CSRF token."""
    assert alices.post("/logout/").status_code == 403
    assert alices.get("/manage-apps/").status_code == 200


@pytest.mark.parametrize(
    "goes_on",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "//\t/evil.example"],
)
def test_signing_out_leads_to_no_other_site(guide: Guide, goes_on: str) -> None:
    """The logout page must not be an open redirect."""
    guide.browser.force_login(guide.alice)
    assert guide.browser.post("/logout/", {"next": goes_on})["Location"] == "/signed-out/"


def test_signing_out_goes_on_with_a_request_however_long_its_state_is(guide: Guide) -> None:
    """
    “Not you?” on the consent page: Django would drop a target longer than 2048 characters, and the app's request with
    it.
    """
    guide.browser.force_login(guide.alice)
    goes_on = f"/authorise/?{urlencode(guide.request(state='x' * 4000))}"
    assert guide.browser.post("/logout/", {"next": goes_on})["Location"] == goes_on


@pytest.mark.parametrize(
    "goes_on",
    ["/manage-apps/?" + "x" * 4000, "/authorise/?state=" + "x" * 20_000, "//authorise/?" + "x" * 4000],
    ids=["a page of ours", "longer than a redirect may be", "another site"],
)
def test_signing_out_gives_up_any_other_long_address(guide: Guide, goes_on: str) -> None:
    """No request is waiting there. The user reads that they are signed out, and sees no error."""
    guide.browser.force_login(guide.alice)
    response = guide.browser.post("/logout/", {"next": goes_on})
    assert (response.status_code, response["Location"]) == (302, "/signed-out/")


@pytest.mark.parametrize("goes_on", ["/logout/", "/logout"])
def test_signing_out_never_leads_to_itself(guide: Guide, goes_on: str) -> None:
    """Django would show a page that is not ours, or none."""
    guide.browser.force_login(guide.alice)
    response = guide.browser.post("/logout/", {"next": goes_on})
    assert (response.status_code, response["Location"]) == (302, "/signed-out/")


def test_signing_out_without_a_session_leads_to_the_same_page(guide: Guide) -> None:
    """The session may have ended by itself."""
    assert guide.browser.post("/logout/")["Location"] == "/signed-out/"


def test_the_way_back_in(browser: Browser, db: None) -> None:
    """The page has a link to sign in again."""
    assert Page(browser.get("/signed-out/")).links["Sign in again"] == "/login/"
