"""HTTP framing: chunked bodies, truncated bodies, and non-ASCII bytes in a query."""

import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from pytest_django import Settings

from oauth_service.web.requests import ProgramRequest, query_parameters
from tests.entry import _WithinATest
from tests.guide import FORM, SECRET, Guide

CREDENTIALS = {"client_id": "presc_man_123", "client_secret": SECRET}


class Dribble(io.BytesIO):
    """An input that returns a few bytes at a time, as chunks arrive."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(7, 7 if size is None or size < 0 else size))


def answer_of(
    application: Callable[..., Any], body: bytes, environ: dict[str, Any] | None = None, *, path: str = "/token/"
) -> tuple[int, Any]:
    """Return status and members of the response to a POST with a chunked body."""
    head: list[str] = []
    asked = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "testserver",
        "CONTENT_TYPE": FORM,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": Dribble(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        **(environ or {}),
    }
    said = b"".join(application(asked, lambda status, headers, failure=None: head.append(status)))
    return int(head[0].split()[0]), json.loads(said) if said.startswith(b"{") else said


@pytest.fixture(params=["through Django", "directly"])
def entry(request: pytest.FixtureRequest, guide: Guide, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Both ways of a WSGI server into the site, within the test's transaction."""
    monkeypatch.setattr("django.core.signals.request_finished.send", lambda **_: None)
    monkeypatch.setattr("django.core.signals.request_started.send", lambda **_: None)
    return WSGIHandler() if request.param == "through Django" else _WithinATest(WSGIHandler())


def test_a_body_in_chunks_is_read(entry: Callable[..., Any], guide: Guide) -> None:
    """Node's fetch with a stream, and many proxies, send such bodies. Django alone takes them for empty."""
    tokens = guide.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **CREDENTIALS}
    status, said = answer_of(entry, urlencode(form).encode())
    assert (status, set(said)) == (200, set(tokens))
    revoked = {"token": said["access_token"], **CREDENTIALS}
    assert answer_of(entry, urlencode(revoked).encode(), path="/oauth/revoke/") == (200, b"")
    assert not guide.is_alive(said["access_token"])


def test_an_authorization_request_in_chunks_is_read(entry: Callable[..., Any], guide: Guide) -> None:
    """The request must reach the login page, like one with a length."""
    status, _ = answer_of(entry, urlencode(guide.request()).encode(), path="/authorise/")
    assert status == 302


def test_the_limit_holds_without_a_length(entry: Callable[..., Any], settings: Settings) -> None:
    """A sender of endless chunks must not occupy the server, so it stops reading."""
    settings.OAUTH_SERVICE_REQUEST_BODY_LIMIT = 100
    endless = Dribble(b"a" * 10_000)
    status, said = answer_of(entry, b"", {"wsgi.input": endless})
    assert (status, said["error_description"]) == (413, "the body is longer than 100 bytes")
    assert endless.tell() <= 101
    assert answer_of(entry, b"a" * 100)[0] == 400


def test_django_s_own_limit_holds_without_a_length(entry: Callable[..., Any], settings: Settings) -> None:
    """The host project sets DATA_UPLOAD_MAX_MEMORY_SIZE for every body."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    status, said = answer_of(entry, b"a" * 101)
    assert (status, said["error_description"]) == (413, "the body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE")


@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/"])
def test_a_body_without_an_end_is_not_waited_for(entry: Callable[..., Any], path: str) -> None:
    """
    A WSGI server that does not decode chunks leaves the socket to the application (PEP 3333). Reading it would never
    end.
    """

    class Socket(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("it would wait for ever")

    status, said = answer_of(entry, b"", {"wsgi.input_terminated": False, "wsgi.input": Socket()}, path=path)
    assert (status, said["error"], said["error_description"]) == (
        411,
        "invalid_request",
        "the body must have a Content-Length",
    )


@pytest.mark.parametrize("length", ["3", "9"])
def test_a_body_that_is_cut_short_is_not_taken_for_a_whole_one(entry: Callable[..., Any], length: str) -> None:
    """Some servers pass on what arrived before the connection broke. A truncated token is another token."""
    status, said = answer_of(entry, b"to", {"CONTENT_LENGTH": length})
    assert (status, said["error_description"]) == (400, "the body could not be read")


def test_no_body_is_no_body(entry: Callable[..., Any]) -> None:
    """A request without a length and without chunks has no body to wait for."""
    environ = {"HTTP_TRANSFER_ENCODING": "", "wsgi.input_terminated": False}
    status, said = answer_of(entry, b"", environ)
    assert (status, said["error_description"]) == (400, "grant_type is missing")


# -- octets beyond ASCII -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["ä", "€", "日本", "a b"])
def test_a_query_in_utf_8_is_read_from_asgi_as_from_wsgi(guide: Guide, state: str) -> None:
    """ASGI passes bytes, which Django decodes; WSGI passes one character for each byte."""
    query = f"state={state}".encode()
    scope = {"type": "http", "method": "GET", "path": "/authorise/", "query_string": query, "headers": []}
    from_asgi = ASGIRequest(scope, io.BytesIO())
    from_wsgi = guide.browser.get("/authorise/", QUERY_STRING=query.decode("latin-1")).wsgi_request
    for request in (from_asgi, from_wsgi):
        assert query_parameters(request).get("state") == state
        assert query_parameters(ProgramRequest.of(request)).get("state") == state


def test_who_signs_in_as_somebody_else_keeps_what_was_asked(guide: Guide) -> None:
    """The state of the waiting request stays the same, byte by byte."""
    guide.browser.force_login(guide.alice)
    query = urlencode(guide.request(state="")).encode() + b"&state=" + "ä€".encode()
    page = guide.browser.get("/authorise/", QUERY_STRING=query.decode("latin-1")).content.decode()
    assert "state=%C3%A4%E2%82%AC" in page
    assert "%C3%83" not in page
