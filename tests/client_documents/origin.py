"""The site of a client: its documents, and a record of the requests. No other host can be reached."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oauth_service.outbound.fetch import FetchFailed, Response

URL = "https://app.example/oauth/client.json"
CALLBACK = "https://app.example/callback"
LOOPBACK = "http://127.0.0.1/callback"


@dataclass
class Origin:
    """
    Documents by URL; fetch() replaces the guarded fetch.

    Attributes:
        asked: the requested URLs, each with its headers.
        is_down: True if the site cannot be reached.
    """

    answers: dict[str, Response] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    is_down: bool = False

    def publish(self, url: str = URL, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        """Publish a document, without the members that are None."""
        document = {
            "client_id": url,
            "client_name": "Notes",
            "redirect_uris": [CALLBACK, LOOPBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        } | members
        body = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
        self.answer(body, url, headers=headers)

    def answer(
        self, body: bytes, url: str = URL, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish any other response."""
        self.answers[url] = Response(status, {"content-type": "application/json", **(headers or {})}, body)

    def fetch(self, url: str, *, headers: Mapping[str, str], most_bytes: int, **_: Any) -> Response:
        """Respond in place of the guarded fetch."""
        self.asked.append((url, headers))
        if self.is_down or url not in self.answers:
            raise FetchFailed("nobody answers")
        found = self.answers[url]
        if len(found.body) > most_bytes:
            raise FetchFailed(f"the answer is longer than {most_bytes} bytes")
        if found.headers.get("etag") and headers.get("If-None-Match") == found.headers["etag"]:
            return Response(304, found.headers, b"")
        return found

    @property
    def urls(self) -> list[str]:
        """The requested URLs."""
        return [url for url, _headers in self.asked]
