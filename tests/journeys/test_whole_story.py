"""The guide from its first step to its last, by hand, on each device, light and dark."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import assert_that_it_fits

pytestmark = pytest.mark.journey


def test_alice_connects_leaves_returns_and_cuts_the_app_off(sites: Sites, page: Page) -> None:
    """Steps that work alone must also work together."""
    page.goto(sites.client_url)
    assert_that_it_fits(page)
    page.get_by_role("button", name=alice.OPENS_APP).click()
    assert_that_it_fits(page)
    alice.signs_in(page)
    assert_that_it_fits(page)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("Connected as Alice Liddell")).to_be_visible()
    assert_that_it_fits(page)
    alice.card(page, "Lisinopril").get_by_role("button", name="Renew").click()
    expect(page.get_by_role("status")).to_contain_text("2 refills left")
    assert_that_it_fits(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert_that_it_fits(page)
    page.get_by_role("button", name=alice.OPENS_APP).click()
    expect(alice.card(page, "Lisinopril")).to_contain_text("2 refills left")
    assert_that_it_fits(page)
    page.get_by_role("link", name="Manage Connected Apps").click()
    page.get_by_role("button", name="Revoke Access").click()
    expect(page.get_by_role("heading", name="Revoke access for Prescription Manager?")).to_be_visible()
    assert_that_it_fits(page)
    page.get_by_role("button", name="Revoke Access").click()
    expect(page.get_by_text("Prescription Manager no longer has access.")).to_be_visible()
    assert_that_it_fits(page)
    page.goto(sites.client_url)
    expect(page.get_by_role("heading", name="Your connection was ended")).to_be_visible()
    assert_that_it_fits(page)
    page.get_by_role("button", name=alice.OPENS_APP).click()
    expect(page.get_by_role("heading", name="Allow Prescription Manager")).to_be_visible()
    assert_that_it_fits(page)
