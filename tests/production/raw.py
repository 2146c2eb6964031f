"""HTTP/1.1 on the wire: requests octet by octet, and the raw responses."""

import json
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers by lower-case name, and body; status 0 if the connection was closed without a response."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def members(self) -> Any:
        """The JSON object, or None."""
        return json.loads(self.body) if self.body.startswith(b"{") else {}


def request(method: str, target: bytes, *headers: str, host: str = "127.0.0.1", version: str = "1.1") -> bytes:
    """Head of a request that asks to close the connection; the target is sent unchanged."""
    lines = [f"Host: {host}", "Connection: close", *headers]
    return method.encode() + b" " + target + f" HTTP/{version}\r\n".encode() + "\r\n".join([*lines, "", ""]).encode()


def in_chunks(body: bytes, size: int = 1000) -> bytes:
    """A body with the chunked transfer coding (RFC 9112 section 7.1)."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def send(port: int, *parts: bytes, seconds: float = SECONDS) -> Answer:
    """Send octets to a server on this machine, and read until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # the server has answered and reads no more
        return receive(connection)


def receive(connection: socket.socket) -> Answer:
    """Return the response on a connection that the server then closes."""
    read: list[bytes] = []
    try:
        while octets := connection.recv(65_536):
            read.append(octets)
    except ConnectionResetError:
        pass
    return parsed(b"".join(read))


def parsed(octets: bytes) -> Answer:
    """The final response, without those of status 1xx before it."""
    while re.match(rb"HTTP/1.1 1\d\d ", octets):
        octets = octets.partition(b"\r\n\r\n")[2]
    head, _, body = octets.partition(b"\r\n\r\n")
    if not head:
        return Answer()
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(_pairs(lines))
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return Answer(status=int(line.split()[1]), headers=headers, body=body)


def _pairs(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def _chunks(body: bytes) -> Iterable[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        if not int(size, 16):
            return
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
