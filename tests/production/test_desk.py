"""The desk in front of the worker threads, and the deadline for responses, tested without a server."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

from config.server import deadline
from config.server.desk import Desk

LIMIT = 10


def ask(application: Callable[..., Any], **environ: Any) -> list[bytes]:
    """Send a request through a desk with one worker thread."""
    stream = environ.pop("stream", BytesIO())
    return Desk(application, threads=1, limit=LIMIT, at_once=("/alive",))(
        {"PATH_INFO": "/", "wsgi.input": stream} | environ, lambda *_: None
    )


def echo(environ: dict[str, Any], _start_response: object) -> list[bytes]:
    """Answer with the body."""
    return [environ["wsgi.input"].read()]


class Untouched:
    """A body that must not be read."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("it was read")


def test_a_body_is_handed_over_as_it_came() -> None:
    """Bodies may have a length, come in chunks, or be missing."""
    assert ask(echo, stream=BytesIO(b"0123456789"), CONTENT_LENGTH="10") == [b"0123456789"]
    assert ask(echo, stream=BytesIO(b"01234"), HTTP_TRANSFER_ENCODING="chunked") == [b"01234"]
    assert ask(echo, stream=Untouched()) == [b""]
    assert ask(echo, stream=BytesIO(), CONTENT_LENGTH="0") == [b""]


def test_of_a_body_in_chunks_one_octet_too_many_is_received() -> None:
    """The application needs the extra octet to notice that the body is too long."""
    assert ask(echo, stream=BytesIO(b"x" * 50), HTTP_TRANSFER_ENCODING="chunked") == [b"x" * (LIMIT + 1)]


@pytest.mark.parametrize("length", ["11", "9" * 5000, "-1", "+5", "five"])
def test_a_body_that_is_too_long_is_neither_received_nor_taken_for_a_shorter_one(length: str) -> None:
    """
    The application refuses the body by its length. Reading it fails, so that its start is not taken for the whole.
    """
    with pytest.raises(OSError, match="too long"):
        ask(echo, stream=Untouched(), CONTENT_LENGTH=length)


def test_a_body_that_broke_off_is_not_taken_for_a_shorter_one() -> None:
    """A secret that was cut short would count as a wrong one."""
    with pytest.raises(OSError, match="broke off"):
        ask(echo, stream=BytesIO(b"01234"), CONTENT_LENGTH="10")


def test_an_answer_is_whole_and_closed() -> None:
    """Django releases its database connections when its response is closed."""

    class Answer:
        is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            yield from (b"a", b"b")

        def close(self) -> None:
            self.is_closed = True

    answer = Answer()
    assert ask(lambda *_: answer) == [b"ab"]
    assert answer.is_closed


def test_a_failure_is_the_servers_to_report() -> None:
    """The worker thread must survive a failure."""
    desk = Desk(lambda environ, _: 1 // environ["by"], threads=1, limit=LIMIT)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            desk({"PATH_INFO": "/", "wsgi.input": BytesIO(), "by": 0}, lambda *_: None)


def test_the_health_probe_does_not_wait_for_a_worker() -> None:
    """The probe answers even if the only worker thread is busy. The desk does not read its body."""
    busy, over = threading.Event(), threading.Event()

    def answer(environ: dict[str, Any], _start_response: object) -> list[bytes]:
        if environ["PATH_INFO"] != "/alive":
            busy.set()
            assert over.wait(10)
        return [environ["PATH_INFO"].encode()]

    desk = Desk(answer, threads=1, limit=LIMIT, at_once=("/alive",))
    waiting = threading.Thread(target=desk, args=({"PATH_INFO": "/", "wsgi.input": BytesIO()}, lambda *_: None))
    waiting.start()
    try:
        assert busy.wait(10)
        alive = {"PATH_INFO": "/alive", "wsgi.input": Untouched(), "CONTENT_LENGTH": "5"}
        assert desk(alive, lambda *_: None) == [b"/alive"]
    finally:
        over.set()
        waiting.join()


def test_a_silent_connection_is_closed_and_no_other() -> None:
    """Only the silent connections of this port are closed: not active ones, other ports or the listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as ours, socket.create_server(("127.0.0.1", 0)) as anothers:
        port = ours.getsockname()[1]
        clients = [socket.create_connection(server.getsockname()) for server in (ours, ours, anothers)]
        servers = [server.accept()[0] for server in (ours, ours, anothers)]
        time.sleep(0.6)
        servers[1].sendall(b"x")
        clients[0].sendall(b"what is received does not count")
        deadline.close_silent(port, 0.5)
        for each in clients:
            each.setblocking(False)
        assert clients[0].recv(1) == b""
        assert clients[1].recv(2) == b"x"
        with pytest.raises(BlockingIOError):
            clients[2].recv(1)
        for each in (*clients, *servers):
            each.close()
        with socket.create_connection(ours.getsockname()):
            ours.accept()[0].close()
