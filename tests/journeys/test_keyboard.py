"""The whole lifecycle without a mouse."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice

pytestmark = pytest.mark.journey

FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element)
    return {
        is_page: element === document.body,
        name: (element.getAttribute("aria-label") ?? element.innerText ?? "").replace(/\\s+/g, " ").trim(),
        ring: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    }
}"""
MOST_STOPS = 40


def reach(page: Page, name: str) -> None:
    """Press Tab until the focus is there; the focus must always be visible (WCAG 2.2 SC 2.4.7)."""
    passed = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["is_page"] or focused["ring"] >= 2, focused
        passed.append(focused["name"])
        if focused["name"] == name:
            return
    pytest.fail(f"Tab does not reach {name!r}; it passes {passed}")


def press(page: Page, name: str) -> None:
    """Reach a button or a link and press Enter."""
    reach(page, name)
    page.keyboard.press("Enter")


def test_everything_can_be_done_with_the_keyboard(sites: Sites, desk: Page) -> None:
    """Some users cannot hold a mouse (WCAG 2.2 SC 2.1.1)."""
    desk.goto(sites.client_url)
    press(desk, alice.OPENS_APP)
    expect(desk.get_by_label("Username")).to_be_focused()
    desk.keyboard.type("alice")
    desk.keyboard.press("Tab")
    desk.keyboard.type(alice.PASSWORD)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Allow Prescription Manager")).to_be_visible()
    press(desk, "Deny")
    expect(desk.get_by_role("heading", name="You chose not to connect")).to_be_visible()
    press(desk, alice.OPENS_APP)
    expect(desk.get_by_role("heading", name="Allow Prescription Manager")).to_be_visible()
    press(desk, "Allow")
    expect(desk.get_by_role("heading", name="Your prescriptions")).to_be_visible()
    press(desk, "Renew Lisinopril 10 mg")
    expect(desk.get_by_role("status")).to_contain_text("2 refills left")
    press(desk, "Lifecycle")
    expect(desk.get_by_role("heading", name="The lifecycle, as it happened")).to_be_visible()
    press(desk, "Prescriptions")
    expect(desk.get_by_role("heading", name="Your prescriptions")).to_be_visible()
    press(desk, "Manage Connected Apps")
    expect(desk.get_by_role("heading", name="Manage Connected Apps")).to_be_visible()
    press(desk, "Revoke Access for Prescription Manager")
    expect(desk.get_by_role("heading", name="Revoke access for Prescription Manager?")).to_be_visible()
    press(desk, "Revoke Access")
    expect(desk.get_by_role("heading", name="No connected apps")).to_be_visible()
    press(desk, "Sign out")
    expect(desk.get_by_role("heading", name="You are signed out")).to_be_visible()


@pytest.mark.parametrize("site", ["server", "client"])
def test_the_first_stop_of_every_page_is_past_its_header(sites: Sites, desk: Page, site: str) -> None:
    """Keyboard users should not tab through the header of each page (WCAG 2.2 SC 2.4.1)."""
    desk.goto({"server": f"{sites.server_url}/signed-out/", "client": sites.client_url}[site])
    desk.keyboard.press("Tab")
    assert desk.evaluate(FOCUSED)["name"].startswith("Skip to the")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("main")).to_be_focused()
