"""Both endings (the guide's step 8): from the app, and from the server without the app's help."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import check
from tests.journeys.stage import manage

pytestmark = pytest.mark.journey

LONG_NAME = "The Extraordinarily Long-Named Medication Reminder and Prescription Companion of the Royal Hospital"


def test_logging_out_in_the_app_gives_its_access_back(sites: Sites, desk: Page) -> None:
    """Scenario A: the consent stays, the connection ends."""
    alice.connects(desk, sites)
    desk.get_by_role("button", name="Log out").click()
    expect(desk).to_have_url(f"{sites.client_url}/outcome/signed_out/")
    expect(desk.get_by_text("This app has given back its access.")).to_be_visible()
    check(desk)
    desk.goto(sites.client_url)
    expect(desk.get_by_role("heading", name="Your prescriptions, in one calm place")).to_be_visible()
    alice.opens_connected_apps(desk, sites)
    expect(alice.fact(desk, "Active connections")).to_have_text("0")


def test_revoke_access_ends_it_at_once_and_the_app_says_so(sites: Sites, desk: Page) -> None:
    """
    Scenario B: the app learns of it at its next request, and shows Alice an explanation and a next step, not an error.
    """
    alice.connects(desk, sites)
    desk.get_by_role("link", name="Manage Connected Apps").click()
    expect(desk.get_by_role("heading", name="Prescription Manager")).to_be_visible()
    expect(desk.get_by_role("main")).to_contain_text("Your username and e-mail address")
    expect(alice.fact(desk, "Active connections")).to_have_text("1")
    expect(alice.fact(desk, "Last used")).to_contain_text("Today at")
    check(desk)
    desk.get_by_role("button", name="Revoke Access").click()
    expect(desk.get_by_role("heading", name="Revoke access for Prescription Manager?")).to_be_visible()
    expect(desk.get_by_role("main")).to_contain_text("The app has 1 active connection. It ends.")
    check(desk, "revoke")
    desk.get_by_role("link", name="Keep it connected").click()
    expect(alice.fact(desk, "Active connections")).to_have_text("1")
    desk.get_by_role("button", name="Revoke Access").click()
    desk.get_by_role("button", name="Revoke Access").click()
    expect(desk).to_have_url(f"{sites.server_url}/manage-apps/")
    expect(desk.get_by_text("Prescription Manager no longer has access.")).to_be_visible()
    expect(desk.get_by_role("heading", name="No connected apps")).to_be_visible()
    check(desk)
    desk.goto(sites.client_url)
    expect(desk.get_by_role("heading", name="Your connection was ended")).to_be_visible()
    check(desk)
    desk.get_by_role("button", name=alice.OPENS_APP).click()
    desk.get_by_role("button", name="Allow").click()
    expect(alice.card(desk, "Lisinopril")).to_be_visible()


def test_many_apps_each_have_a_button_of_their_own(sites: Sites, desk: Page) -> None:
    """The page must fit the longest possible name, and an app without a known operator."""
    alice.connects(desk, sites)
    for name, *options in ((LONG_NAME, "--operator", "Royal Hospital"), ("Pill Reminder",)):
        redirect_uri = f"{sites.client_url}/callback"
        said = manage(
            sites, "create_client", "--name", name, "--redirect-uri", redirect_uri, "--without-pkce", *options
        )
        alice.is_asked(desk, sites, client_id=said.split()[1])
        check(desk)
        desk.get_by_role("button", name="Allow").click()
        # The app has not begun this request and ignores the response, but the consent is given.
        expect(desk.get_by_role("heading", name="This answer does not belong to your visit")).to_be_visible()
    alice.opens_connected_apps(desk, sites)
    check(desk)
    desk.get_by_role("button", name=f"Revoke Access for {LONG_NAME}").click()
    check(desk)
    desk.get_by_role("button", name="Revoke Access").click()
    expect(desk.get_by_role("heading", name=LONG_NAME)).to_have_count(0)
    expect(desk.get_by_role("button", name="Revoke Access")).to_have_count(2)


def test_signing_out_of_the_server_is_confirmed_and_leaves_apps_connected(sites: Sites, desk: Page) -> None:
    """Users may expect that a sign-out disconnects their apps. The page says that it does not."""
    alice.connects(desk, sites)
    alice.opens_connected_apps(desk, sites)
    desk.get_by_role("button", name="Sign out").click()
    expect(desk.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(desk.get_by_text("The apps you have connected stay connected.")).to_be_visible()
    check(desk)
    desk.goto(sites.client_url)
    expect(desk.get_by_role("heading", name="Your prescriptions", exact=True)).to_be_visible()
    desk.goto(f"{sites.server_url}/signed-out/")
    desk.get_by_role("link", name="Sign in again").click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()
    check(desk)
    alice.signs_in(desk)
    expect(desk.get_by_role("heading", name="Manage Connected Apps")).to_be_visible()
