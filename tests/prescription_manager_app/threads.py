"""Simultaneous requests, each in a thread with its own browser tab and database connection."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from typing import TypeVar

from django.db import connection
from django.test import Client

from tests.prescription_manager_app.conftest import Browser

PATIENCE_SECONDS = 60
T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make calls at the same moment; return their results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE_SECONDS)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(PATIENCE_SECONDS) for future in [pool.submit(run, call) for call in calls]]


def tab_of(browser: Browser) -> Browser:
    """A tab of the same browser, with its current cookies."""
    tab = Browser(Client(), browser.server)
    tab.client.cookies = deepcopy(browser.client.cookies)
    return tab


def in_tabs(browser: Browser, count: int, do: Callable[[Browser], T]) -> list[T]:
    """Do the same in several tabs at the same moment; return the results."""
    return at_once(*[partial(do, tab_of(browser)) for _ in range(count)])
