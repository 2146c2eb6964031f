"""The client's page /lifecycle/: the nine steps as they happened, and the experiments."""

import re

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import check
from tests.journeys.stage import expire_access_tokens

pytestmark = pytest.mark.journey

IN_FULL = re.compile(r"(?:AT|RT)_[\w-]{20,}|ITS_A_VERY_SECRET_KEY")


def test_all_nine_steps_are_there_and_secrets_only_when_revealed(sites: Sites, desk: Page) -> None:
    """Developers see the real messages. People who look over their shoulder see no secret."""
    alice.connects(desk, sites)
    expire_access_tokens(sites)
    desk.goto(sites.client_url)
    desk.get_by_role("button", name="Log out").click()
    desk.get_by_role("link", name="the lifecycle page").click()
    for number, words in (
        (1, "GET /authorise/"),
        (2, "this app sees neither your password nor your answer"),
        (3, "GET /callback?"),
        (4, '"grant_type": "authorization_code"'),
        (5, '"token_type": "Bearer"'),
        (6, "GET /userinfo/"),
        (7, '"grant_type": "refresh_token"'),
        (8, "POST /logout/"),
        (9, "POST /oauth/revoke/"),
    ):
        expect(desk.locator(f"#step-{number}")).to_contain_text(words)
    assert IN_FULL.findall(desk.content()) == []
    check(desk)
    assert desk.evaluate("document.documentElement.scrollHeight / window.innerHeight") <= 3, "nothing is open yet"
    desk.get_by_role("button", name="Reveal the values").click()
    expect(desk.get_by_text("All values are shown in full")).to_be_visible()
    expect(desk.locator("#step-4")).to_contain_text("ITS_A_VERY_SECRET_KEY")
    expect(desk.locator("#step-5")).to_contain_text(re.compile(r'"access_token": "AT_[\w-]{20,}'))
    check(desk)
    desk.get_by_role("button", name="Hide the values").click()
    expect(desk.get_by_role("button", name="Reveal the values")).to_be_visible()
    assert IN_FULL.findall(desk.content()) == []
    desk.get_by_role("button", name="Forget this recording").click()
    expect(desk.locator("#step-4")).to_contain_text("Connect to see this step.")


def test_everything_that_must_fail_fails_and_the_refusal_is_explained(sites: Sites, desk: Page) -> None:
    """
    Each experiment sends something wrong to the real server. Two of them end the connection, as they would a thief's.
    """
    alice.connects(desk, sites)
    for slug, title, why in (
        ("wrong-client-secret", "Wrong client secret", "useless to anyone who cannot authenticate as that app"),
        ("other-redirect-uri", "Another redirect_uri", "compares it character by character"),
        ("revoked-access-token", "A revoked access token", "Revocation takes effect at once"),
        ("tampered-state", "Tampered state", "The state ties every response to the browser that asked"),
        ("old-refresh-token", "Reuse an old refresh token", "the server ends the whole connection"),
        ("replay-code", "Replay the code", "A code is good for one use"),
    ):
        desk.goto(f"{sites.client_url}/")
        if desk.get_by_role("button", name=alice.OPENS_APP).is_visible():
            desk.get_by_role("button", name=alice.OPENS_APP).click()
        desk.goto(f"{sites.client_url}/lifecycle/")
        desk.locator(f"#{slug} > details > summary").click()
        desk.get_by_role("button", name=f"Try: {title}").click()
        if slug == "tampered-state":  # the browser itself sends this message
            expect(desk.get_by_role("heading", name="This answer does not belong to your visit")).to_be_visible()
            desk.goto(f"{sites.client_url}/lifecycle/")
        trial = desk.locator(f"#{slug}")
        expect(trial).to_contain_text("Refused, as it must be.")
        expect(trial).to_contain_text(why)
    check(desk)
