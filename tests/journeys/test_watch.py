"""The journeys detect the faults that they watch for."""

import pytest
from playwright.sync_api import Browser, Page

from config.sites import Sites
from tests.journeys import chromium
from tests.journeys.look import assert_that_it_fits, check
from tests.journeys.watch import watched

pytestmark = pytest.mark.journey


def test_without_a_browser_the_journeys_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journeys that did not run must not look successful."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(chromium.NoBrowserError, match="install one of chromium"), chromium.launched():
        pass


def test_an_inline_style_is_noticed(sites: Sites, browser: Browser) -> None:
    """The policy admits no inline style, and the test must hear the browser's complaint."""

    def story() -> None:
        with watched(browser) as page:
            page.goto(sites.client_url)
            page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">red</p>')")

    with pytest.raises(AssertionError, match="Content Security Policy"):
        story()


@pytest.mark.parametrize("query", ["token=x", f"t=AT_{'a' * 48}", "p=wonderland", "code=SPL__abc"])
def test_a_secret_in_the_address_is_noticed(sites: Sites, browser: Browser, query: str) -> None:
    """Addresses stay in histories, logs and Referer headers (RFC 9700 section 4.3)."""
    with pytest.raises(AssertionError, match="/\\?"), watched(browser) as page:
        page.goto(f"{sites.client_url}/?{query}")


def test_a_page_that_excludes_somebody_is_noticed(sites: Sites, desk: Page) -> None:
    """The faults are a picture without words, a button too small for a finger, and grey on grey."""
    desk.goto(sites.client_url)
    desk.evaluate(
        """() => {
            const main = document.querySelector("main")
            const [picture, words, one, two] = ["img", "p", "button", "button"].map((name) => document.createElement(name))
            words.textContent = "grey on grey"
            Object.assign(words.style, { color: "#888", background: "#999" })
            for (const button of [one, two]) Object.assign(button.style, { padding: 0, width: "12px", height: "12px" })
            one.textContent = two.textContent = "x"
            main.prepend(picture, words, one, two)
        }"""
    )
    with pytest.raises(AssertionError, match=r"(?s)(?=.*image-alt)(?=.*color-contrast)(?=.*target-size)"):
        check(desk)


def test_a_page_wider_than_the_screen_is_noticed(sites: Sites, desk: Page) -> None:
    """Readers should not have to scroll sideways for each line."""
    desk.goto(sites.client_url)
    desk.evaluate("document.querySelector('main').style.minWidth = '2000px'")
    with pytest.raises(AssertionError, match="2000 px wide"):
        assert_that_it_fits(desk)
