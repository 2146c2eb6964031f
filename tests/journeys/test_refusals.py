"""Refusals as Alice sees them: an explanation, a reference for support, and a next step."""

import re

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import check

pytestmark = pytest.mark.journey


def test_another_redirect_uri_is_a_page_with_a_reference_and_never_a_redirect(sites: Sites, desk: Page) -> None:
    """The log has the reference and the reason. The server must not redirect to an unregistered address."""
    alice.is_asked(desk, sites, redirect_uri="https://thief.example/callback")
    expect(desk.get_by_role("heading", name="This app cannot be connected")).to_be_visible()
    assert desk.url.startswith(f"{sites.server_url}/authorise/")
    reference = desk.locator(".reference code").inner_text()
    assert re.fullmatch("[0-9a-f]{12}", reference)
    assert f"reference={reference}" in (sites.state_dir / "log").read_text()
    # The demo has DEBUG on: both URIs stand there whole, and what differs first is marked in each.
    detail = desk.get_by_role("region", name="For the developer")
    expect(detail).to_contain_text("https://thief.example/callback")
    expect(detail).to_contain_text(f"{sites.client_url}/callback")
    assert detail.locator("mark").all_inner_texts() == ["https", "http"]
    check(desk, "error-redirect")
    expect(desk.get_by_role("link", name="Back to Prescription Manager")).to_have_attribute(
        "href", f"{sites.client_url}/"
    )
    desk.get_by_role("link", name="See your connected apps").click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_unknown_app_is_another_page_than_a_wrong_address(sites: Sites, desk: Page) -> None:
    """The people who run an app mend the one; the other may be an attack."""
    alice.is_asked(desk, sites, client_id="nobody")
    expect(desk.get_by_role("heading", name="We do not know this app")).to_be_visible()
    expect(desk.get_by_role("link", name="Back to")).to_have_count(0)
    check(desk, "error-client")


def test_who_was_wrong_too_often_is_told_to_wait_on_the_page_they_know(sites: Sites, desk: Page) -> None:
    """
    The user name stays, and no field is marked wrong, because only time helps. No account has this name, so no user is
    blocked.
    """
    desk.goto(f"{sites.server_url}/login/")
    for _ in range(11):
        alice.signs_in(desk, "looking-glass", username="humpty")
    expect(desk.get_by_role("alert")).to_contain_text("There were too many attempts to sign in.")
    expect(desk.get_by_label("Username")).to_have_value("humpty")
    expect(desk.get_by_label("Username")).not_to_have_attribute("aria-invalid", "true")
    check(desk)


def test_a_form_without_its_csrf_cookie_changes_nothing_and_says_why(sites: Sites, desk: Page) -> None:
    """Honest users lose the cookie, too: they clear cookies, or sign in again in another tab."""
    alice.connects(desk, sites)
    alice.opens_connected_apps(desk, sites)
    desk.get_by_role("button", name="Revoke Access").click()
    expect(desk.get_by_role("heading", name="Revoke access for Prescription Manager?")).to_be_visible()
    desk.context.clear_cookies(name="csrftoken")
    desk.get_by_role("button", name="Revoke Access").click()
    expect(desk.get_by_role("heading", name="This page can no longer be sent")).to_be_visible()
    expect(desk.locator(".reference code")).to_have_text(re.compile("^[0-9a-f]{12}$"))
    check(desk)
    desk.get_by_role("link", name="See your connected apps").click()
    expect(desk.get_by_role("heading", name="Prescription Manager")).to_be_visible()


def test_the_app_says_so_too_when_its_form_has_lost_its_cookie(sites: Sites, desk: Page) -> None:
    """Django's own page for it is written for developers."""
    desk.goto(sites.client_url)
    desk.context.clear_cookies(name="prescriptions_csrftoken")
    desk.get_by_role("button", name=alice.OPENS_APP).click()
    expect(desk.get_by_role("heading", name="Please try that again")).to_be_visible()
    check(desk)
    desk.get_by_role("link", name="Go to the start page").click()
    desk.get_by_role("button", name=alice.OPENS_APP).click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("slug", ["signed_out_here_only", "client_refused", "server_unreachable"])
def test_every_failure_of_the_server_leaves_alice_a_way_on(sites: Sites, desk: Page, slug: str) -> None:
    """The other journeys do not reach these kinds of pages: a link to the server, no second try, and a retry."""
    desk.goto(f"{sites.client_url}/outcome/{slug}/")
    expect(desk.get_by_role("main").get_by_role("link", name="Go to the start page")).to_be_visible()
    check(desk)
