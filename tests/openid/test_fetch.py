"""The guarded fetch: limits on what a URL chosen by somebody else can make this server do."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from oauth_service.outbound.fetch import FetchFailed, fetch


class Origin(BaseHTTPRequestHandler):
    """A small site on this machine."""

    def do_GET(self) -> None:
        """Respond according to the path."""
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/secret")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/slow":
            for _ in range(40):
                self.wfile.write(b"x")
                self.wfile.flush()
                threading.Event().wait(0.05)
            return
        self.wfile.write(b"x" * (100 if self.path == "/" else 100_000))

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def origin() -> Iterator[str]:
    """The URL of the site."""
    server = HTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with closing(server.socket):
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def trial(settings: Settings) -> None:
    """Loopback is allowed."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = True


def resolving_to(*addresses: str) -> Callable[..., list[Any]]:
    """Return a resolver that answers with these addresses, one call after the other."""
    answers = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))] for address in addresses]
    return lambda *_, **__: answers.pop(0) if len(answers) > 1 else answers[0]


OF_THE_WRONG_FORM = (
    *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://", "https://user@example.com/"),
    *("https://a\nb/", "https://ex\xe4mple.com/", "https://example.com/\xe4", "https://\uff1127.0.0.1/"),
)


@pytest.mark.parametrize("url", OF_THE_WRONG_FORM)
def test_a_url_of_the_wrong_form_is_not_resolved(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup of the name would already tell somebody about the request."""
    asked: list[Any] = []

    def resolve(*name: Any, **_: Any) -> list[Any]:
        asked.append(name)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(FetchFailed):
        fetch(url, deadline=1)
    assert asked == []


@pytest.mark.parametrize(
    "url",
    [
        *OF_THE_WRONG_FORM,
        *(
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1:8443/",
        ),
        *(
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://0/",
            "https://2130706433/",
        ),
    ],
)
def test_what_must_not_be_fetched_is_not(url: str) -> None:
    """Such a URL has the wrong form, or leads into the internal network."""
    with pytest.raises(FetchFailed):
        fetch(url, deadline=1)


def test_loopback_is_for_trials(origin: str) -> None:
    """Loopback is as internal as every private address, unless the setting for trials is on."""
    with pytest.raises(FetchFailed):
        fetch(f"{origin}/")


@pytest.mark.usefixtures("trial")
def test_a_small_answer_comes_back(origin: str) -> None:
    """The caller gets status and body."""
    response = fetch(f"{origin}/")
    assert (response.status, len(response.body)) == (200, 100)


@pytest.mark.usefixtures("trial")
def test_a_redirect_is_not_followed(origin: str) -> None:
    """A redirect could lead into the internal network, so the caller gets the redirect itself."""
    assert fetch(f"{origin}/redirect").status == 302


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize(("path", "deadline"), [("/long", 5.0), ("/slow", 0.5)])
def test_the_whole_is_bounded(origin: str, path: str, deadline: float) -> None:
    """An origin that sends too much, or a byte now and then, must not hold up the server."""
    with pytest.raises(FetchFailed):
        fetch(f"{origin}{path}", most_bytes=1000, deadline=deadline)


# The part of the response that arrives at once, and the part that arrives piece by piece.
SLOW_ANSWERS: dict[str, tuple[bytes, list[bytes]]] = {
    "nothing at all": (b"", [b""]),
    "status line": (b"", [bytes([octet]) for octet in b"HTTP/1.1 200 OK, as always"]),
    "informational answers": (b"", [b"HTTP/1.1 103 Early Hints\r\n\r\n"]),
    "headers": (b"HTTP/1.1 200 OK\r\nA: ", [b"x"]),
    "size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", [b"0"]),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", [b"x"]),
}


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize("part", SLOW_ANSWERS)
def test_no_part_of_an_answer_comes_too_late(part: str) -> None:
    """An origin that sends any part slowly must not block the outbox, which has one thread."""
    at_once, pieces = SLOW_ANSWERS[part]
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with closing(connection), suppress(OSError):
                connection.sendall(at_once)
                for piece in itertools.islice(itertools.cycle(pieces), 80):
                    connection.sendall(piece)
                    if ended.wait(0.05):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(FetchFailed, match="Timeout"):
            fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", deadline=0.5)
        took = time.monotonic() - begun
        ended.set()
        thread.join()
    assert took < 2


def test_a_name_with_one_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker may add a public address to such a name."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(FetchFailed, match="not public"):
        fetch("https://rp.example/", deadline=1)


@pytest.mark.usefixtures("trial")
def test_the_judged_address_is_the_one_connected_to(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server resolves the name once, so DNS cannot change between check and use."""
    port = origin.rpartition(":")[2]
    asked: list[str] = []
    answers = resolving_to("127.0.0.1", "10.0.0.1")

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return answers()

    monkeypatch.setattr("oauth_service.outbound.fetch.socket.getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", lambda address, *_, **__: _connect(address))
    assert fetch(f"http://rebinding.example:{port}/").status == 200
    assert asked == ["rebinding.example"]


def _connect(address: tuple[str, int]) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    assert address[0] == "127.0.0.1"
    found.connect(address)
    return found
