"""Waiting for a row that another request is about to write."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

# Longer than an exchange with the server usually takes; after that the waiting request reports a timeout.
PATIENCE = timedelta(seconds=20)
POLL_SECONDS = 0.05

Found = TypeVar("Found")


def wait_for(read: Callable[[], Found | None]) -> Found | None:
    """Call `read` until it returns something; None if it has not within PATIENCE."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while (found := read()) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found
