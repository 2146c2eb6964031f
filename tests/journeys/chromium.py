"""Path of the browser; `python -m tests.journeys.chromium` exits with 0 if there is one."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class NoBrowserError(Exception):
    """There is no Chromium on this machine."""


def path() -> str:
    """Path of a Chromium on this machine; "" if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


@contextmanager
def launched() -> Iterator[Browser]:
    """
    Run a headless Chromium until the block ends.

    Raises:
        NoBrowserError: a journey without a browser has shown nothing, so it must not pass.
    """
    found = path()
    if not found:
        raise NoBrowserError(f"the journeys need a browser: install one of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


if __name__ == "__main__":
    sys.exit(0 if path() else 1)
