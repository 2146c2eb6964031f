"""Waiting for what another request is about to write."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

# Longer than an exchange with the server usually takes; then the one who waits says that it takes too long.
PATIENCE = timedelta(seconds=20)
POLL_SECONDS = 0.05

Found = TypeVar("Found")


def wait_for(read: Callable[[], Found | None]) -> Found | None:
    """What `read` finds, asked again and again; None if it has found nothing within PATIENCE."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while (found := read()) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found
