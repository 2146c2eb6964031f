"""Load generator: keep-alive connections, each with one request under way, driven by one thread over raw sockets."""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ANSWER_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response as it came, and the seconds from the first byte sent to the last byte received."""

    raw: bytes
    seconds: float

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.raw[9:12])

    @property
    def body(self) -> bytes:
        """The body, with the chunks joined."""
        head, _, body = self.raw.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" not in head.lower():
            return body
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            length = int(size, 16)
            whole, body = whole + body[:length], body[length + 2 :]
            if not length:
                break
        return whole

    def header(self, name: str) -> str:
        """Value of a header; "" if it is missing."""
        wanted = name.lower().encode() + b":"
        for line in self.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            if line.lower().startswith(wanted):
                return line[len(wanted) :].strip().decode()
        return ""


class _Connection:
    """A keep-alive connection and its current request."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.index = 0
        self.sent_at = 0.0
        self.received = b""

    def send(self, index: int, request: bytes) -> None:
        self.index, self.received = index, b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        piece = self.socket.recv(65_536)
        if not piece:
            raise RuntimeError(f"the server closed the connection after {self.received!r}")
        self.received += piece
        return _is_whole(self.received)


class Load:
    """Connections to one server, over which requests are sent as fast as responses arrive."""

    def __init__(self, connections: Sequence[_Connection]) -> None:
        self._connections = connections

    def send(self, requests: Sequence[bytes]) -> tuple[list[Answer], float]:
        """
        Send every request once.

        Returns:
            the responses, in the order of the requests, and the seconds that all of it took.

        Raises:
            RuntimeError: a connection was closed, or a response did not come within ANSWER_SECONDS.
        """
        answers: list[Answer | None] = [None] * len(requests)
        waiting = iter(enumerate(requests))
        under_way = 0
        with selectors.DefaultSelector() as selector:
            started_at = time.perf_counter()
            for connection, (index, request) in zip(self._connections, waiting, strict=False):
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(index, request)
                under_way += 1
            while under_way:
                ready = selector.select(ANSWER_SECONDS)
                if not ready:
                    raise RuntimeError(f"no answer within {ANSWER_SECONDS} seconds")
                for key, _events in ready:
                    connection = key.data
                    if not connection.is_answered():
                        continue
                    seconds = time.perf_counter() - connection.sent_at
                    answers[connection.index] = Answer(raw=connection.received, seconds=seconds)
                    if following := next(waiting, None):
                        connection.send(*following)
                    else:
                        under_way -= 1
            took = time.perf_counter() - started_at
        return [answer for answer in answers if answer], took


@contextlib.contextmanager
def connected(port: int, *, connections: int) -> Iterator[Load]:
    """Open connections to a server, and close them when the block ends."""
    with contextlib.ExitStack() as opened:
        made = []
        for _ in range(connections):
            connection = _Connection(port)
            opened.callback(connection.socket.close)
            made.append(connection)
        yield Load(made)


def _is_whole(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    lines = head.lower()
    _, found, rest = lines.partition(b"\r\ncontent-length:")
    if found:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    if b"\r\ntransfer-encoding: chunked" in lines:
        return body.endswith(b"0\r\n\r\n")
    raise RuntimeError(f"an answer of unknown length: {head!r}")
