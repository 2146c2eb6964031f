"""Where the browser is; `python -m tests.journeys.chromium` ends with 0 if there is one."""

import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def path() -> str:
    """The path of a Chromium on this machine, "" if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


if __name__ == "__main__":
    sys.exit(0 if path() else 1)
