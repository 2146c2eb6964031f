"""Helpers for simultaneous calls: many released by one barrier, and one stopped before one of its statements."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connections
from django.test import Client as Browser

from tests.database import connection

PATIENCE_SECONDS = 30
WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "WITH")
T = TypeVar("T")


def together(*calls: Callable[[], T]) -> list[T]:
    """
    Run calls at the same moment, each in a thread with its own database connection. Return their results in order.
    """
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE_SECONDS)
            return call()
        finally:
            connections.close_all()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # makes threads interrupt each other in more places than by default
    try:
        with ThreadPoolExecutor(len(calls)) as pool:
            return [future.result(PATIENCE_SECONDS) for future in [pool.submit(run, call) for call in calls]]
    finally:
        sys.setswitchinterval(interval)


@contextmanager
def stopped(call: Callable[[], T], *, before: str | tuple[str, ...] = WRITES) -> Iterator["Future[T]"]:
    """
    Start a call in a thread and stop it before a statement. It continues when the block ends.

    Args:
        before: the beginning of the statement. The default is the first write: at that point the decision has been made
            from what was read, and no response has been sent.
    """
    go, arrived = threading.Event(), threading.Event()

    def stop(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not arrived.is_set() and sql.startswith(before):
            arrived.set()
            assert go.wait(PATIENCE_SECONDS)
        return execute(sql, params, many, context)

    def run() -> T:
        try:
            with connection.execute_wrapper(stop):
                return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        future.add_done_callback(lambda _: arrived.set())
        try:
            assert arrived.wait(PATIENCE_SECONDS)
            if future.done():
                raise AssertionError(f"the call ended without {before}: {future.result()}")
            yield future
        finally:
            go.set()
        future.exception(PATIENCE_SECONDS)


def started(call: Callable[[], T]) -> "Future[T]":
    """Start a call in a thread, and give it time to block if it must wait for another call."""
    future: Future[T] = Future()
    ended = threading.Event()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as failure:  # the test inspects it
            future.set_exception(failure)
        finally:
            connections.close_all()
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    ended.wait(0.2)
    return future


class RaisedInThisThread(threading.local):
    """
    The exception that a test client keeps, limited to its own request. Django reports every exception to every client.
    """

    def __init__(self) -> None:
        self.by_client: dict[int, Any] = {}

    def __get__(self, client: Browser, owner: type[Browser]) -> Any:
        return self.by_client.get(id(client))

    def __set__(self, client: Browser, raised: Any) -> None:
        self.by_client[id(client)] = raised
        if raised is None:
            del self.by_client[id(client)]
