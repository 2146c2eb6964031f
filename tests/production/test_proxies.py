"""The server believes headers about a request only if a trusted proxy sends them."""

import re
from typing import Any

import pytest

from config.server.proxies import behind_proxies
from oauth_service.protocol.forwarded import TrustedProxies

MADE = re.compile("[0-9a-f]{12}")
TRUSTED = TrustedProxies.parse(["10.0.0.0/8", "127.0.0.1", "::1"])


def seen(peer: str, **headers: str) -> dict[str, Any]:
    """The environ that the application gets from a peer that sends headers."""
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "inner:8000"}
    got: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: object) -> list[bytes]:
        got.update(environ)
        return []

    behind_proxies(application, TRUSTED)(environ | {f"HTTP_{name}": value for name, value in headers.items()}, print)
    return got


def test_the_address_is_the_clients() -> None:
    """All code reads REMOTE_ADDR, Django's included. The tests of the module cover the rule itself."""
    assert seen("127.0.0.1", X_FORWARDED_FOR="198.51.100.1, 203.0.113.7, 10.1.2.3")["REMOTE_ADDR"] == "203.0.113.7"


@pytest.mark.parametrize("peer", ["10.255.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1"])
def test_our_own_proxies_are_believed(peer: str) -> None:
    """Operators name proxies by address or network. An IPv4 address may be mapped into IPv6."""
    got = seen(peer, X_FORWARDED_PROTO="https", X_FORWARDED_HOST="auth.example.com", X_REQUEST_ID="a1b2c3d4e5f6")
    assert (got["wsgi.url_scheme"], got["HTTP_HOST"], got["HTTP_X_REQUEST_ID"]) == (
        "https",
        "auth.example.com",
        "a1b2c3d4e5f6",
    )


@pytest.mark.parametrize("peer", ["203.0.113.7", "11.0.0.1", "2001:db8::7", "::ffff:11.0.0.1", "", "unix:"])
def test_a_stranger_is_not_believed(peer: str) -> None:
    """Otherwise anyone could choose their address, skip https, and write ids into our log."""
    got = seen(
        peer,
        X_FORWARDED_FOR="192.0.2.1",
        X_FORWARDED_PROTO="https",
        X_FORWARDED_HOST="evil.example",
        X_REQUEST_ID="a1b2c3d4e5f6",
    )
    assert (got["REMOTE_ADDR"], got["wsgi.url_scheme"], got["HTTP_HOST"]) == (peer, "http", "inner:8000")
    assert MADE.fullmatch(got["HTTP_X_REQUEST_ID"])


@pytest.mark.parametrize("scheme", ["https, http", "ftp", "javascript", "HTTPS/1.1", ""])
def test_a_scheme_that_is_not_one_word_we_know_changes_nothing(scheme: str) -> None:
    """A proxy may have appended to a list, whose first value anyone may have sent."""
    assert seen("127.0.0.1", X_FORWARDED_PROTO=scheme)["wsgi.url_scheme"] == "http"


def test_a_list_of_hosts_changes_nothing() -> None:
    """A proxy may have appended to a list, whose first value anyone may have sent."""
    assert seen("127.0.0.1", X_FORWARDED_HOST="evil.example, auth.example.com")["HTTP_HOST"] == "inner:8000"


@pytest.mark.parametrize("request_id", ["short", "x" * 65, "a b c d e f g h", "id\nforged line", '"}{"', ""])
def test_a_malformed_request_id_is_replaced(request_id: str) -> None:
    """The id appears in logs and on pages, so it must not hold markup or a line break."""
    assert MADE.fullmatch(seen("127.0.0.1", X_REQUEST_ID=request_id)["HTTP_X_REQUEST_ID"])


def test_a_request_without_an_id_gets_one_of_its_own() -> None:
    """Otherwise the log lines of several requests could not be told apart."""
    ids = {seen(peer)["HTTP_X_REQUEST_ID"] for peer in ("127.0.0.1", "127.0.0.1", "203.0.113.7", "203.0.113.7")}
    assert len(ids) == 4
