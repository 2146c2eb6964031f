"""Checks of every page: accessible, and no wider than the screen, on each device, light and dark."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

PHONE = ViewportSize(width=360, height=740)
DESKTOP = ViewportSize(width=1280, height=800)
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")  # light last, as the page was before
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": [*WCAG_2_2_AA, "best-practice"]},
    "rules": {"target-size": {"enabled": True}},  # 24 px, from WCAG 2.2; axe-core checks it only on request
}

axe = Axe()


def check(page: Page, name: str = "", *, without: Collection[str] = ()) -> None:
    """
    Check a page for WCAG 2.2 AA and axe-core's best practices on a phone and a desktop, light and dark.

    Args:
        name: of the four pictures that are written to the directory $PICTURES, if set; "" for none.
        without: rules of axe-core that are not checked on this page.
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
            found = [
                f"{rule['id']}: {node['html'][:200]}"
                for rule in violations
                if rule["id"] not in without
                for node in rule["nodes"]
            ]
            assert found == [], f"{page.url}, {viewport['width']} px, {scheme}: {found}"
    page.set_viewport_size(before or DESKTOP)


def assert_that_it_fits(page: Page) -> None:
    """Check that no page needs horizontal scrolling (WCAG 2.2 SC 1.4.10)."""
    width, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= room, f"{page.url} is {width} px wide where there is room for {room}"
