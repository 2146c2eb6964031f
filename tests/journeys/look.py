"""What every page must be, whatever stands on it: accessible, and no wider than the screen; on each device, in each light."""

import os
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

PHONE = ViewportSize(width=360, height=740)
DESKTOP = ViewportSize(width=1280, height=800)
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")  # light at last: as the page was before
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": [*WCAG_2_2_AA, "best-practice"]},
    "rules": {"target-size": {"enabled": True}},  # 24 px, WCAG 2.2's; axe-core leaves it out unless it is asked
}

axe = Axe()


def check(page: Page, name: str = "") -> None:
    """
    Hold a page against WCAG 2.2 AA and axe-core's best practice on a phone and a desktop, light and dark.

    Args:
        name: of the four pictures that go into the directory $PICTURES, if there is such a variable; "" for none.
    """
    before = page.viewport_size
    page.evaluate(axe.axe_script)
    for viewport in (PHONE, DESKTOP):
        page.set_viewport_size(viewport)
        assert_that_it_fits(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            if name and (directory := os.environ.get("PICTURES")):
                page.screenshot(path=Path(directory) / f"{name}-{viewport['width']}-{scheme}.png", full_page=True)
            violations = page.evaluate("options => axe.run(options)", OPTIONS)["violations"]
            found = [f"{rule['id']}: {node['html'][:200]}" for rule in violations for node in rule["nodes"]]
            assert found == [], f"{page.url}, {viewport['width']} px, {scheme}: {found}"
    page.set_viewport_size(before or DESKTOP)


def assert_that_it_fits(page: Page) -> None:
    """Nobody has to scroll sideways (WCAG 2.2 SC 1.4.10)."""
    width, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= room, f"{page.url} is {width} px wide where there is room for {room}"
