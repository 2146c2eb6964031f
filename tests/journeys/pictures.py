"""Pictures of the README and docs/demo.md, taken from the running sites: `make pictures`."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from config.sites import ROOT, Sites
from tests.journeys import alice, chromium
from tests.journeys.stage import both_sites, expire_access_tokens

PICTURES = ROOT / "docs" / "images"

# The sites run on free ports; the pictures show the ports of `make run`.
RENAME = """(names) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode())
        for (const [here, there] of Object.entries(names))
            texts.currentNode.data = texts.currentNode.data.replaceAll(here, there)
}"""


def main() -> None:
    """Connect the app once, and take a picture of the consent page and one of the lifecycle page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as state_dir,
        both_sites(Path(state_dir)) as sites,
        chromium.launched() as browser,
    ):
        page = browser.new_page(reduced_motion="reduce", color_scheme="light")
        alice.clicks_connect(page, sites)
        alice.signs_in(page)
        take(page, sites, "consent", width=880, height=860)
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="Your prescriptions")).to_be_visible()
        expire_access_tokens(sites)
        page.reload()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("link", name="the lifecycle page").click()
        take(page, sites, "lifecycle", width=1120, height=1100)


def take(page: Page, sites: Sites, name: str, *, width: int, height: int) -> None:
    """Write what a window of this size shows, from the top of the page."""
    ports = {sites.server_port: 8000, sites.client_port: 5000}
    names = {f"{colon}{here}": f"{colon}{there}" for here, there in ports.items() for colon in (":", "%3A")}
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(RENAME, names)
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
