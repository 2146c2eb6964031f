"""A site on this machine that publishes key sets."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from tests.admin.conftest import staff
from tests.openid.test_documents import Origin

__all__ = ["site", "staff"]


@pytest.fixture
def site(settings: Settings) -> Iterator[Any]:
    """The handler of the site; its `url` is the address of the key set."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = True
    handler = type("OriginOfOneTest", (Origin,), {"headers_sent": {"Cache-Control": "max-age=3600"}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/jwks.json"  # type: ignore[attr-defined]
    with closing(server.socket):
        yield handler
        server.shutdown()
