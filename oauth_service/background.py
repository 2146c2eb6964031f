"""Threads that work beside the requests. A test run gets none: they would outlive a test, or write into its database."""

import sys
import threading
from collections.abc import Callable

from django.core import mail


def is_test_run() -> bool:
    """Return whether this process runs tests: every runner calls setup_test_environment(), which makes the outbox."""
    return (
        hasattr(mail, "outbox") and "django.test.utils" in sys.modules
    )  # the outbox alone may belong to a site that keeps its mails


def start(work: Callable[..., None], *arguments: object, name: str) -> threading.Thread:
    """
    Start a thread that ends with the process. Ask is_test_run() before.

    Raises:
        RuntimeError: no thread is available.
    """
    thread = threading.Thread(target=work, args=arguments, name=f"oauth_service.{name}", daemon=True)
    thread.start()
    return thread
