"""A watched browser session: the addresses it shows, and the browser's complaints."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Frame, Page, Request

from tests.journeys.alice import PASSWORD

# Tokens by their prefix and length at the start of a value: a random state of 43 characters may begin alike. Secrets by
# name or value.
SECRET = re.compile(
    rf"(?:[=/]|%3D|%2F)(?:AT|RT)_[\w-]{{48}}|{PASSWORD}|ITS_A_VERY_SECRET_KEY|(?i:secret|token|password|verifier|sessionid)(?:=|%3D)"
)
CODE = re.compile(r"SPL__|[?&]code=")


@contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Page]:
    """
    A page in a session of its own.

    Args:
        options: of Playwright's new_context().

    Raises:
        AssertionError: an address held a secret, or the Content-Security-Policy refused something.
    """
    context = browser.new_context(reduced_motion="reduce", **options)
    complaints: list[str] = []
    shown: list[str] = []
    asked: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "content security policy" in message.text.lower().replace("-", " "):
            complaints.append(message.text)

    def see(frame: Frame) -> None:
        shown.append(frame.url)

    def hear(request: Request) -> None:
        if request.is_navigation_request():
            asked.append(request.url)

    context.on("console", listen)
    context.on("request", hear)
    page = context.new_page()
    page.on("framenavigated", see)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints
    leaked = [url for url in shown + asked if SECRET.search(url)]
    # A code is in one redirect, to the client's callback, which redirects at once, so it must not stay in the address
    # bar.
    leaked += [url for url in shown if CODE.search(url)]
    leaked += [url for url in asked if CODE.search(url) and not urlsplit(url).path.rstrip("/").endswith("/callback")]
    assert leaked == [], leaked
