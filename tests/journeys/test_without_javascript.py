"""The whole lifecycle with JavaScript switched off."""

import pytest
from playwright.sync_api import Browser, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.watch import watched

pytestmark = pytest.mark.journey


def test_nothing_needs_javascript(sites: Sites, browser: Browser) -> None:
    """Users without scripts must be able to decide, too. Our policy admits no script anyway."""
    with watched(browser, java_script_enabled=False) as page:
        alice.connects(page, sites)
        alice.card(page, "Metformin").get_by_role("button", name="Renew").click()
        expect(page.get_by_role("status")).to_contain_text("4 refills left")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        page.get_by_role("button", name=alice.OPENS_APP).click()
        page.get_by_role("link", name="Manage Connected Apps").click()
        page.get_by_role("button", name="Revoke Access").click()
        page.get_by_role("heading", name="Revoke access for Prescription Manager?").wait_for()
        page.get_by_role("button", name="Revoke Access").click()
        expect(page.get_by_role("heading", name="No connected apps")).to_be_visible()
        page.goto(sites.client_url)
        expect(page.get_by_role("heading", name="Your connection was ended")).to_be_visible()
