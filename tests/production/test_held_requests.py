"""Clients that hold requests or responses open are disconnected, and do not keep the server from answering others."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from tests.actors import FORM
from tests.production import raw
from tests.production.deployment import Deployment, Served, serving
from tests.production.raw import in_chunks, request

pytestmark = pytest.mark.production

HELD = 24  # connections of each kind; the server has two worker threads
IDLE_SECONDS, REQUEST_SECONDS = 1, 2
LONGEST_SECONDS = IDLE_SECONDS + REQUEST_SECONDS + 3  # the deadline is checked once a second; machines may be slow
PATIENCE_SECONDS = 3

TYPE = f"Content-Type: {FORM}"
BODY = b"grant_type=refresh_token&token=AT_a&scope=user+profile+openid+email"  # no client: no failure is counted


def alive(method: str, target: bytes, *headers: str) -> bytes:
    """Head of a request that keeps the connection open."""
    return request(method, target, *headers).replace(b"Connection: close\r\n", b"")


def half(target: bytes) -> bytes:
    """A head that announces a body, and half of that body."""
    return alive("POST", target, TYPE, f"Content-Length: {len(BODY)}") + BODY[:20]


# The part that is sent at once, and a part that is sent again every half second.
HELD_OPEN: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "half a head": (alive("GET", b"/userinfo/")[:-2], b""),
    "a head bit by bit": (alive("GET", b"/userinfo/")[:-2] + b"X-Name: ", b"x"),
    "half a body": (half(b"/token/"), b""),
    "half a body of a page": (half(b"/login/"), b""),
    "half a body of the admin": (half(b"/admin/login/"), b""),
    "half a body where nobody reads one": (half(b"/userinfo/"), b""),
    "half a body for a probe": (half(b"/healthz"), b""),
    "half a body of a path that is not there": (half(b"/nowhere/"), b""),
    "half a body after 100-continue": (
        alive("POST", b"/token/", TYPE, "Content-Length: 50", "Expect: 100-continue") + b"a=b",
        b"",
    ),
    "a body bit by bit": (alive("POST", b"/token/", TYPE, "Content-Length: 5000"), b"x"),
    "a body in chunks, bit by bit": (alive("POST", b"/token/", TYPE, "Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    "a chunk bit by bit": (alive("POST", b"/token/", TYPE, "Transfer-Encoding: chunked") + b"1000\r\n", b"x"),
    "half a chunk": (alive("POST", b"/token/", TYPE, "Transfer-Encoding: chunked") + b"10\r\nabc", b""),
    "chunks without an end": (
        alive("POST", b"/token/", TYPE, "Transfer-Encoding: chunked") + in_chunks(BODY)[: -len(b"0\r\n\r\n")],
        b"",
    ),
    "half a body behind a whole request": (alive("GET", b"/healthz") + half(b"/token/"), b""),
    "half a body behind many whole requests": (alive("GET", b"/userinfo/") * 20 + half(b"/token/"), b""),
    "an answered request, then silence": (alive("GET", b"/userinfo/"), b""),
}


@pytest.fixture(scope="module")
def served(on_sqlite: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A worker with two threads, and short deadlines."""
    environment = on_sqlite.environment(
        SERVE_WORKERS="1",
        SERVE_THREADS="2",
        SERVE_IDLE_SECONDS=str(IDLE_SECONDS),
        SERVE_REQUEST_SECONDS=str(REQUEST_SECONDS),
    )
    with serving(environment, log_path=tmp_path_factory.mktemp("held") / "log") as served:
        yield served


def port_of(served: Served) -> int:
    """Port of the site."""
    return int(served.environment["SERVE_PORT"])


@contextlib.contextmanager
def held(port: int, at_once: bytes, bit: bytes = b"", *, times: int = HELD) -> Iterator[Callable[[], list[float]]]:
    """
    Hold connections open during the block.

    Yields:
        A function that waits until the server has closed all of them, and returns after how many seconds it closed
        each.
    """
    connections = [socket.create_connection(("127.0.0.1", port), timeout=LONGEST_SECONDS) for _ in range(times)]
    started, over = time.monotonic(), threading.Event()

    def send_bits() -> None:
        while bit and not over.wait(0.5):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.send(bit)

    def closed_after() -> list[float]:
        took = []
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                while connection.recv(65_536):
                    pass
            took.append(time.monotonic() - started)
        return took

    sender = threading.Thread(target=send_bits)
    try:
        for connection in connections:
            connection.sendall(at_once)
        sender.start()
        yield closed_after
    finally:
        over.set()
        sender.join()
        for connection in connections:
            connection.close()


def assert_everybody_else_is_answered(port: int) -> None:
    """Check that a probe, a token's owner, a client and a user are answered soon."""
    form = (request("POST", b"/token/", TYPE, f"Content-Length: {len(BODY)}"), BODY)
    for parts, status in (
        ((request("GET", b"/healthz"),), 200),
        ((request("GET", b"/readyz"),), 200),
        ((request("GET", b"/userinfo/", "Authorization: Bearer AT_a"),), 401),
        (form, 401),
        ((request("GET", b"/login/"),), 200),
    ):
        assert raw.send(port, *parts, seconds=PATIENCE_SECONDS).status == status


def test_half_sent_requests_block_no_other_clients(served: Served) -> None:
    """Two dozen half-sent bodies used to stop every worker, and the probe, for as long as their senders liked."""
    with contextlib.ExitStack() as stack:
        kinds = {name: stack.enter_context(held(port_of(served), *sent)) for name, sent in HELD_OPEN.items()}
        time.sleep(0.2)
        assert_everybody_else_is_answered(port_of(served))
        closed_after = {name: max(closed()) for name, closed in kinds.items()}
        assert {name: seconds for name, seconds in closed_after.items() if seconds > LONGEST_SECONDS} == {}
    assert_everybody_else_is_answered(port_of(served))


def test_unread_responses_block_no_other_clients(served: Served) -> None:
    """The clients request a file that is larger than all buffers again and again, and never read it."""
    path = b"/static/admin/js/vendor/xregexp/xregexp.js"
    assert len(raw.send(port_of(served), request("GET", path)).body) > 100_000
    connections = []
    for _ in range(HELD):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", port_of(served)))
        connection.sendall(alive("GET", path) * 20)
        connections.append(connection)
    time.sleep(0.5)
    assert_everybody_else_is_answered(port_of(served))
    time.sleep(LONGEST_SECONDS)
    for connection in connections:
        connection.settimeout(PATIENCE_SECONDS)
        with contextlib.suppress(ConnectionError):  # the client reads buffered data, then the connection ends
            while connection.recv(65_536):
                pass
        connection.close()


@pytest.mark.parametrize("framing", [f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"])
def test_who_is_slow_but_in_time_is_answered(served: Served, framing: str) -> None:
    """A telephone in a tunnel is slow, too, and must get its response."""
    body = BODY if "Length" in framing else in_chunks(BODY, 30)
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request("POST", b"/token/", TYPE, framing))
        for at in range(0, len(body), 20):
            time.sleep(0.3)
            connection.sendall(body[at : at + 20])
        answer = raw.receive(connection)
    assert (answer.status, answer.members["error"]) == (401, "invalid_client")


def test_a_body_that_broke_off_is_no_shorter_body(served: Served) -> None:
    """A password that was cut short would be wrong, and count as a failure."""
    with held(port_of(served), half(b"/token/"), times=3) as closed_after:
        closed_after()
    assert_everybody_else_is_answered(port_of(served))
    assert served.log.count("the body is too long, or broke off") >= 3


def test_the_probe_answers_while_all_threads_work(on_postgres: Deployment, postgres_host: str, log_path: Path) -> None:
    """Replacing the process does not help if the database is slow."""
    with (
        serving(on_postgres.environment(SERVE_WORKERS="1", SERVE_THREADS="2"), log_path=log_path) as served,
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres") as holder,
    ):
        holder.execute("LOCK TABLE oauth_service_client")
        form = {"grant_type": "none", "client_id": "presc_man_123", "client_secret": on_postgres.client_secret}
        body = urlencode(form).encode()
        with held(port_of(served), alive("POST", b"/token/", TYPE, f"Content-Length: {len(body)}") + body, times=10):
            time.sleep(0.5)
            assert raw.send(port_of(served), request("GET", b"/healthz"), seconds=PATIENCE_SECONDS).status == 200
            with pytest.raises(TimeoutError):
                raw.send(port_of(served), request("GET", b"/userinfo/"), seconds=1)
            holder.rollback()
            assert raw.send(port_of(served), request("GET", b"/userinfo/"), seconds=PATIENCE_SECONDS).status == 401
