"""Alice connects a television: the pages on each device, light and dark, without scripts and by keyboard."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import DeviceClient
from playwright.sync_api import Browser, Page, expect
from requests_oauthlib import OAuth2Session

from config.sites import Sites
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.journeys import alice
from tests.journeys.look import check
from tests.journeys.watch import watched

pytestmark = pytest.mark.journey

# From oauth_service/protocol/errors.py; a waiting device gets no other errors.
WAITS = ("authorization_pending", "slow_down")


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A session without scripts."""
    with watched(browser, java_script_enabled=False) as page:
        yield page


def begins(sites: Sites, **sent: str) -> dict[str, Any]:
    """A television asks for a code."""
    response = requests.post(
        f"{sites.server_url}/device-authorization/",
        {"client_id": "demo_tv", "scope": "profile email", **sent},
        timeout=10,
    )
    assert response.status_code == 200, response.text
    members: dict[str, Any] = response.json()
    return members


def polls(sites: Sites, begun: dict[str, Any]) -> dict[str, Any]:
    """The television polls."""
    sent = {"grant_type": GRANT_TYPE, "device_code": begun["device_code"], "client_id": "demo_tv"}
    members: dict[str, Any] = requests.post(f"{sites.server_url}/token/", sent, timeout=10).json()
    return members


def types(page: Page, code: str) -> None:
    """Enter the code and go on."""
    page.get_by_label("Code on the device").fill(code)
    page.get_by_role("button", name="Continue").click()


def test_a_television_is_connected(sites: Sites, desk: Page) -> None:
    """Alice opens the address, signs in, enters the code and allows; each page is checked on the way."""
    begun = begins(sites)
    assert polls(sites, begun)["error"] in WAITS
    desk.goto(begun["verification_uri"])
    alice.signs_in(desk)
    expect(desk.get_by_role("heading", name="Connect a device")).to_be_visible()
    check(desk, "device-code")
    types(desk, "BBBB BBBB")
    expect(desk.get_by_role("alert")).to_contain_text("No device is waiting with this code")
    check(desk, "device-wrong-code")
    types(desk, begun["user_code"].lower().replace("-", " "))
    expect(desk.get_by_role("heading", name="Allow Demo Television on a device")).to_be_visible()
    expect(desk.locator("dl")).to_contain_text(begun["user_code"])
    check(desk, "device-consent")
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Your device is connected")).to_be_visible()
    check(desk, "device-connected")
    assert polls(sites, begun)["token_type"] == "Bearer"
    desk.get_by_role("link", name="See your connected apps").click()
    expect(desk.get_by_role("heading", name="Demo Television")).to_be_visible()


def test_a_link_is_compared_and_denied(sites: Sites, desk: Page) -> None:
    """The code of a QR code is first shown in large letters."""
    begun = begins(sites)
    desk.goto(begun["verification_uri_complete"])
    alice.signs_in(desk)
    expect(desk.get_by_role("heading", name="Does your device show this code?")).to_be_visible()
    expect(desk.locator(".user-code")).to_have_text(re.compile(begun["user_code"]))
    check(desk, "device-compare")
    desk.get_by_role("button", name="Yes, it is the same").click()
    desk.get_by_role("button", name="Deny").click()
    expect(desk.get_by_role("heading", name="The device was not connected")).to_be_visible()
    check(desk, "device-denied")
    assert polls(sites, begun)["error"] == "access_denied"


def test_it_works_without_scripts(sites: Sites, plain: Page) -> None:
    """Pages must not depend on scripts."""
    begun = begins(sites)
    plain.goto(begun["verification_uri_complete"])
    alice.signs_in(plain)
    plain.get_by_role("button", name="Yes, it is the same").click()
    plain.get_by_role("button", name="Allow").click()
    expect(plain.get_by_role("heading", name="Your device is connected")).to_be_visible()
    assert "access_token" in polls(sites, begun)


def test_it_works_by_keyboard(sites: Sites, desk: Page) -> None:
    """The code field has the focus, Enter goes on, and Tab reaches the buttons in order."""
    begun = begins(sites)
    desk.goto(begun["verification_uri"])
    alice.signs_in(desk)
    expect(desk.get_by_label("Code on the device")).to_be_focused()
    desk.keyboard.type(begun["user_code"])
    desk.keyboard.press("Enter")
    allow = desk.get_by_role("button", name="Allow")
    expect(allow).to_be_visible()
    for _ in range(12):
        desk.keyboard.press("Tab")
        if allow.evaluate("button => button === document.activeElement"):
            break
    expect(allow).to_be_focused()
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("button", name="Deny")).to_be_focused()
    desk.keyboard.press("Shift+Tab")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Your device is connected")).to_be_visible()


def test_guesses_end_at_a_page_that_says_when(sites: Sites, desk: Page) -> None:
    """The server does not check the eleventh wrong code. Limits are per user, so this user is not Alice."""
    begun = begins(sites)
    desk.goto(begun["verification_uri"])
    alice.signs_in(desk, "admin", username="admin")
    for _ in range(11):
        types(desk, "ZZZZ-ZZZZ")
    expect(desk.get_by_role("heading", name="Too many wrong codes")).to_be_visible()
    check(desk, "device-throttled")


def test_a_stranger_is_a_device(sites: Sites, desk: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests-oauthlib with oauthlib's DeviceClient, unmodified."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    begun = begins(sites, scope="profile")
    session = OAuth2Session(client=DeviceClient("demo_tv", scope="profile"))
    desk.goto(begun["verification_uri_complete"])
    alice.signs_in(desk)
    desk.get_by_role("button", name="Yes, it is the same").click()
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Your device is connected")).to_be_visible()
    token = session.fetch_token(
        f"{sites.server_url}/token/", device_code=begun["device_code"], client_id="demo_tv", include_client_id=True
    )
    assert (token["token_type"], token["scope"]) == ("Bearer", ["profile"])
    assert session.get(f"{sites.server_url}/userinfo/").json()["name"] == "Alice Liddell"


def test_authlib_is_a_device(sites: Sites, desk: Page) -> None:
    """Authlib has no client for devices, but accepts any grant type and its parameters."""
    begun = begins(sites, scope="profile offline_access")
    desk.goto(begun["verification_uri_complete"])
    alice.signs_in(desk)
    desk.get_by_role("button", name="Yes, it is the same").click()
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Your device is connected")).to_be_visible()
    endpoint = f"{sites.server_url}/token/"
    session = AuthlibSession("demo_tv", token_endpoint_auth_method="none", token_endpoint=endpoint)
    token = session.fetch_token(endpoint, grant_type=GRANT_TYPE, device_code=begun["device_code"])
    assert token["scope"] == "profile offline_access"
    renewed = session.refresh_token(endpoint, token["refresh_token"])
    assert renewed["access_token"] != token["access_token"]
    assert session.get(f"{sites.server_url}/userinfo/").json()["name"] == "Alice Liddell"
