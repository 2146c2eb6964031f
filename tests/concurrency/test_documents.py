"""Simultaneous requests for documents of others."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from oauth_service.models import Document
from oauth_service.outbound import documents
from tests.concurrency.threads import together

pytestmark = [pytest.mark.django_db(transaction=True)]

asked: list[str] = []


class Slow(BaseHTTPRequestHandler):
    """A slow origin."""

    def do_GET(self) -> None:
        """Respond with a document."""
        asked.append(self.path)
        time.sleep(0.3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"document")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """The URL of the document."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = True
    asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with closing(server.socket):
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_exactly_one_of_many_readers_fetches(url: str) -> None:
    """The others wait for the copy of the first one."""
    rules = documents.Rules(accept="*/*", most_bytes=100, keep=lambda body: body)
    found = together(*[lambda: documents.read(url, kind=Document.Kind.SECTOR, rules=rules)] * 8)
    assert (set(found), len(asked), Document.objects.count()) == ({b"document"}, 1, 1)
