"""Documents of third parties: how they are fetched, how long a copy is used, and what they are used for."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from PIL import Image
from pytest_django import Settings

from oauth_service.clients import logo, sector
from oauth_service.models import Client, Document
from oauth_service.outbound import documents
from oauth_service.outbound.documents import DocumentUnavailable
from tests.database import connection
from tests.guide import Guide

pytestmark = pytest.mark.django_db


class Origin(BaseHTTPRequestHandler):
    """A site on this machine. Each test sets its responses."""

    status = 200
    body = b"{}"
    headers_sent: dict[str, str]
    asked: list[str]
    pause = 0.0

    def do_GET(self) -> None:
        """Respond as the test wants."""
        self.asked.append(self.headers.get("If-None-Match", ""))
        time.sleep(type(self).pause)
        self.send_response(type(self).status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        if type(self).status == 200:
            self.wfile.write(type(self).body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def site(settings: Settings) -> Iterator[type[Origin]]:
    """The handler of the site; its `url` is the address."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = True
    handler = type("OriginOfOneTest", (Origin,), {"headers_sent": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/document"  # type: ignore[attr-defined]
    with closing(server.socket):
        yield handler
        server.shutdown()


def read(site: Any) -> Any:
    """Return the document, parsed as JSON."""
    rules = documents.Rules(
        accept="application/json", most_bytes=1000, keep=lambda body: json.dumps(json.loads(body)).encode()
    )
    return json.loads(documents.read(site.url, kind=Document.Kind.SECTOR, rules=rules))


def test_a_fresh_copy_is_not_fetched_again(site: Any) -> None:
    """The origin's headers say how long a copy is fresh."""
    site.body, site.headers_sent = b"[1]", {"Cache-Control": "max-age=600"}
    assert [read(site), read(site), len(site.asked)] == [[1], [1], 1]
    site.body = b"[2]"
    with time_machine.travel(timedelta(seconds=601)):
        assert [read(site), len(site.asked)] == [[2], 2]


def test_a_stale_copy_is_confirmed_by_its_etag(site: Any) -> None:
    """If the origin answers 304, the copy is fresh again (RFC 9111 section 4.3)."""
    site.body, site.headers_sent = b"[1]", {"Cache-Control": "max-age=600", "ETag": '"v1"'}
    read(site)
    site.status = 304
    with time_machine.travel(timedelta(seconds=601)):
        assert [read(site), read(site), site.asked] == [[1], [1], ["", '"v1"']]


@pytest.mark.parametrize("etag", ["\xe9", '"\xe9"'])
def test_an_etag_that_cannot_be_sent_back_is_not(site: Any, etag: str) -> None:
    """The origin chooses its headers, but must not make the server fail."""
    site.body, site.headers_sent = b"[1]", {"Cache-Control": "max-age=600", "ETag": etag}
    read(site)
    with time_machine.travel(timedelta(seconds=601)):
        assert [read(site), site.asked] == [[1], ["", ""]]


@pytest.mark.parametrize("fault", ["status", "body", "length"])
def test_a_stale_copy_is_served_while_the_origin_fails(site: Any, fault: str) -> None:
    """The server uses a stale copy for a week, and asks the origin once a minute instead of at every request."""
    site.body, site.headers_sent = b"[1]", {"Cache-Control": "max-age=600"}
    read(site)
    match fault:
        case "status":
            site.status = 503
        case "body":
            site.body = b"<html>"
        case _length:
            site.body = b"[" + b"1," * 1000 + b"1]"
    with time_machine.travel(timedelta(seconds=601)):
        assert [read(site), read(site), len(site.asked)] == [[1], [1], 2]
    with time_machine.travel(timedelta(seconds=700)):
        assert [read(site), len(site.asked)] == [[1], 3]
    with time_machine.travel(timedelta(days=8)), pytest.raises(DocumentUnavailable):
        read(site)


def test_a_document_that_never_came_is_not_asked_for_at_each_request(site: Any) -> None:
    """The server remembers a failure for a minute. The operator can read its reason."""
    site.status = 404
    for _ in range(3):
        with pytest.raises(DocumentUnavailable, match="the origin answered 404"):
            read(site)
    assert (len(site.asked), Document.objects.get().last_error) == (1, "the origin answered 404")


def test_logos_are_drawn_anew(site: Any) -> None:
    """A file may hold more than its picture. The server stores a PNG of its own."""
    picture = BytesIO()
    Image.new("RGB", (400, 100), "red").save(picture, "JPEG", exif=b"Exif\0\0secret place", comment=b"<script>")
    drawn = logo.redraw(picture.getvalue() + b"<svg onload=alert(1)>")
    assert drawn.startswith(b"\x89PNG")
    assert [part for part in (b"secret", b"script", b"svg") if part in drawn] == []
    with Image.open(BytesIO(drawn)) as seen:
        assert (seen.size, seen.getpixel((96, 96)), seen.getpixel((96, 0))) == (
            (192, 192),
            (254, 0, 0),
            (255, 255, 255),
        )


def bomb() -> bytes:
    """Return a small file that unpacks to twenty-five million pixels."""
    packed = BytesIO()
    Image.new("1", (5_000, 5_000)).save(packed, "PNG")
    return packed.getvalue()


@pytest.mark.parametrize(
    "body", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n broken", b"GIF89a", bomb()],
    ids=["empty", "svg", "broken", "cut", "bomb"],
)  # fmt: skip
def test_what_is_no_small_picture_is_refused(body: bytes) -> None:
    """SVG can carry scripts, and a small file can unpack to a large picture."""
    with pytest.raises(ValueError, match="picture"):
        logo.redraw(body)


def picture_of(color: str) -> bytes:
    """Return a PNG."""
    drawn = BytesIO()
    Image.new("RGB", (64, 64), color).save(drawn, "PNG")
    return drawn.getvalue()


def test_a_logo_is_served_from_here(site: Any, guide: Guide) -> None:
    """
    The browser contacts no third party. No page waits for the fetch, and the picture is harmless when it is opened by
    itself.
    """
    site.body = picture_of("blue")
    Client.objects.update(logo_uri=site.url)
    logo.fetch_now(site.url)
    answer = guide.browser.get("/oauth/logo/presc_man_123")
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        "image/png",
        "public, max-age=3600",
    )
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    page = " ".join(guide.ask().content.decode().split())
    assert '<img class="tile-logo" src="/oauth/logo/presc_man_123" alt="">' in page
    assert site.url not in page


@pytest.mark.parametrize("client_id", ["presc_man_123", "nobody"])
def test_without_a_logo_there_is_none(guide: Guide, client_id: str) -> None:
    """The page has no picture, and the URL of the logo is a 404."""
    assert guide.browser.get(f"/oauth/logo/{client_id}").status_code == 404
    assert "tile-logo" not in guide.ask().content.decode()


def test_a_logo_costs_the_page_no_statement(guide: Guide) -> None:
    """The browser requests the logo separately."""
    guide.ask()  # signs in
    with connection_statements() as without:
        guide.ask()
    Client.objects.update(logo_uri="https://app.example/logo.png")
    with connection_statements() as with_logo:
        guide.ask()
    assert len(with_logo) == len(without)


def connection_statements() -> Any:
    """Count the statements within a block."""
    from django.test.utils import CaptureQueriesContext

    return CaptureQueriesContext(connection)


def pairwise_client(site: Any) -> Client:
    """Return a client with redirect URIs on two hosts, and a sector."""
    return Client(
        name="P",
        redirect_uris="https://a.example/cb\nhttps://b.example/cb",
        subject_type="pairwise",
        sector_identifier_uri=site.url,
    )


def test_a_sector_lists_the_redirect_uris(site: Any) -> None:
    """The document lists all of them (OpenID Connect Dynamic Client Registration section 5)."""
    site.body = b'["https://a.example/cb", "https://b.example/cb"]'
    assert sector.fault_of(pairwise_client(site)) == ""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'["https://a.example/cb"]', "The document does not list https://b.example/cb."),
        (b'{"redirect_uris": []}', "it is not a JSON array of URIs"),
        (b"<html>", "is not usable"),
        (b"[" * 60_000, "is not usable"),
    ],
)
def test_a_sector_that_is_none_is_refused(site: Any, body: bytes, reason: str) -> None:
    """The operator who registers the client must read the reason."""
    site.body = body
    assert reason in sector.fault_of(pairwise_client(site))


def test_create_client_asks_for_the_sector(site: Any, settings: Settings) -> None:
    """A client that is not in its sector is not registered."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "a pairwise key of thirty-two characters"
    site.body = b"[]"
    # The option must be an https URL; the tests of the fetch cover what is fetched.
    with pytest.raises(CommandError, match="--sector-identifier-uri: A sector identifier is an https URL"):
        call_command(
            "create_client", "--name=P", "--redirect-uri=https://a.example/cb", f"--sector-identifier-uri={site.url}"
        )
    assert not Client.objects.exists()
