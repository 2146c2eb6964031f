"""A client ID metadata document, served over TLS."""

import json
import secrets
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.authority import HOST, Authority


class Document:
    """
    The site of a client with its document, on this machine.

    Args:
        authority: certifies the site.
        folder: directory for certificate and key.

    Attributes:
        asked: the requested paths.
        members: of the document; describes() writes them.
    """

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.asked: list[str] = []
        self.members: dict[str, Any] = {}
        document = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document.asked.append(self.path)
                body = json.dumps(document.members).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object, **__: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trusted.load_cert_chain(*authority.certify(folder))
        self.server.socket = trusted.wrap_socket(self.server.socket, server_side=True)
        # Rows of clients stay between the journeys, so each document has a path of its own.
        self.path = f"/{secrets.token_hex(8)}/client.json"
        self.client_id = f"https://{HOST}:{self.server.server_port}{self.path}"

    def describes(self, client_name: str, *, grant_types: Sequence[str] = ("authorization_code",)) -> None:
        """Write the document; its redirect URIs have no port, because the client listens on any free one."""
        self.members = {
            "client_id": self.client_id,
            "client_name": client_name,
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
            "grant_types": list(grant_types),
            "token_endpoint_auth_method": "none",
        }


@contextmanager
def published(authority: Authority, folder: Path) -> Iterator[Document]:
    """A document that can be fetched until the block ends."""
    document = Document(authority, folder)
    with document.server as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield document
        server.shutdown()
