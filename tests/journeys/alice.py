"""Alice's actions in her browser, by the labels of the buttons."""

from urllib.parse import urlencode

from playwright.sync_api import Locator, Page

from config.sites import Sites

PASSWORD = "wonderland"
OPENS_APP = "Connect to OAuth Service"


def clicks_connect(page: Page, sites: Sites) -> None:
    """Go from the app's landing page to wherever the server leads."""
    page.goto(sites.client_url)
    page.get_by_role("button", name=OPENS_APP).click()


def is_asked(page: Page, sites: Sites, **changes: str) -> None:
    """Open the guide's authorization request, with changes; the app has not begun it."""
    request = {
        "response_type": "code",
        "client_id": "presc_man_123",
        "redirect_uri": f"{sites.client_url}/callback",
        "scope": "user profile",
        "state": "xyzABC123",
    } | changes
    page.goto(f"{sites.server_url}/authorise/?{urlencode(request)}")


def signs_in(page: Page, password: str = PASSWORD, *, username: str = "alice") -> None:
    """Fill in the server's sign-in page."""
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def connects(page: Page, sites: Sites) -> None:
    """Connect as a new user who allows everything."""
    clicks_connect(page, sites)
    signs_in(page)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{sites.client_url}/")


def opens_connected_apps(page: Page, sites: Sites) -> None:
    """Open Manage Connected Apps, and sign in first if the server asks for it."""
    page.goto(f"{sites.server_url}/manage-apps/")
    if page.get_by_role("heading", name="Sign in").is_visible():
        signs_in(page)


def card(page: Page, medicine: str) -> Locator:
    """The prescription of a medicine on the list."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=medicine))


def fact(page: Page, name: str) -> Locator:
    """The value beside a label such as "Last used" on Manage Connected Apps."""
    return page.locator("dl > div").filter(has_text=name).get_by_role("definition")
