"""Pages without their style sheet are plain, but readable and usable."""

import pytest
from playwright.sync_api import Page

from config.sites import Sites
from tests.journeys import alice

pytestmark = pytest.mark.journey


def sizes(page: Page) -> set[float]:
    """Widths and heights of all icons on the page, in px."""
    boxes = page.locator("svg").evaluate_all("all => all.map(icon => icon.getBoundingClientRect())")
    return {box[side] for box in boxes for side in ("width", "height")}


def test_no_icon_fills_the_window(sites: Sites, desk: Page) -> None:
    """The journey goes from the login to the connected apps."""
    desk.context.route("**/*.css", lambda route: route.abort())
    shown = set()
    alice.is_asked(desk, sites)
    shown |= sizes(desk)
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").wait_for()
    shown |= sizes(desk)
    alice.opens_connected_apps(desk, sites)
    shown |= sizes(desk)
    assert shown == {24}
