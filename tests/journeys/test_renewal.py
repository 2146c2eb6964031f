"""The access token expires, and Alice does not notice."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.stage import expire_access_tokens

pytestmark = pytest.mark.journey


def test_an_expired_access_token_is_renewed_on_the_next_page(sites: Sites, desk: Page) -> None:
    """Users must not have to sign in every hour, so step 7 happens without Alice."""
    alice.connects(desk, sites)
    expire_access_tokens(sites)
    desk.goto(sites.client_url)
    expect(desk.get_by_role("heading", name="Your prescriptions")).to_be_visible()
    desk.get_by_role("link", name="Lifecycle").click()
    expect(desk.locator("#step-7")).to_contain_text('"grant_type": "refresh_token"')


def test_an_access_token_that_the_server_refuses_is_renewed_too(sites: Sites, desk: Page) -> None:
    """The server's 401 counts, not the client's clock (RFC 6750 section 3.1)."""
    alice.connects(desk, sites)
    desk.goto(f"{sites.client_url}/lifecycle/")
    desk.locator("#revoked-access-token > details > summary").click()
    desk.get_by_role("button", name="Try: A revoked access token").click()
    desk.get_by_role("link", name="Prescriptions", exact=True).click()
    expect(desk.get_by_role("heading", name="Your prescriptions")).to_be_visible()
    desk.get_by_role("link", name="Lifecycle").click()
    expect(desk.locator("#step-7")).to_contain_text('"grant_type": "refresh_token"')
