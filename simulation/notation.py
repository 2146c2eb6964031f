"""Exchanges in the notation of the lifecycle guide."""

import json
import re
from html import unescape
from urllib.parse import urlsplit

from simulation.exchange import Exchange, Headers
from simulation.masking import mask

__all__ = ["mask", "request_message", "request_text", "response_message", "response_text"]

# Headers that matter to the lifecycle; others (Accept-Encoding, Date, ...) are left out.
REQUEST_HEADERS = ("content-type", "authorization", "cookie")
RESPONSE_HEADERS = (
    "location",
    "content-type",
    "cache-control",
    "www-authenticate",
    "allow",
    "retry-after",
    "set-cookie",
)


def request_text(exchange: Exchange) -> str:
    """The request in the guide's notation, secrets included; mask() hides them."""
    return _block(exchange.sender, exchange.receiver, "REQUEST", request_message(exchange))


def response_text(exchange: Exchange) -> str:
    """The response in the guide's notation, secrets included; mask() hides them."""
    return _block(exchange.receiver, exchange.sender, "RESPONSE", response_message(exchange))


def request_message(exchange: Exchange) -> str:
    """The request line, headers and body, secrets included."""
    url = urlsplit(exchange.url)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{exchange.method} {target} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}"]
    lines += _header_lines(exchange.request_headers, REQUEST_HEADERS)
    return _message(lines, _body(exchange.request_headers, exchange.request_body))


def response_message(exchange: Exchange) -> str:
    """The status line, headers and body, secrets included."""
    if not exchange.status:
        return "(no response was seen)"
    lines = [f"HTTP/1.1 {exchange.status} {exchange.reason}".rstrip()]
    lines += _header_lines(exchange.response_headers, RESPONSE_HEADERS)
    return _message(lines, _body(exchange.response_headers, exchange.response_body))


def _message(lines: list[str], body: str) -> str:
    return "\n".join([*lines, *(["", body] if body else [])])


def _block(sender: str, receiver: str, kind: str, message: str) -> str:
    opening = f"--- [{kind}] ---"
    return "\n".join([f"[{sender}] ---> [{receiver}]", "", opening, message, "-" * len(opening)])


def _header_lines(headers: Headers, shown: tuple[str, ...]) -> list[str]:
    return [f"{_spelled(name)}: {value}" for name, value in headers if name.lower() in shown]


def _spelled(name: str) -> str:
    """Header name in its usual spelling, whatever its case was."""
    return "WWW-Authenticate" if name.lower() == "www-authenticate" else name.title()


def _body(headers: Headers, body: str) -> str:
    """A body made readable: JSON indented as in the guide, a page reduced to its title."""
    content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        try:
            return json.dumps(json.loads(body), indent=4, ensure_ascii=False)
        except ValueError:
            return body  # not JSON after all: shown unchanged
    if media_type == "text/html" and body:
        title = re.search(r"<title[^>]*>(.*?)</title>", body, re.DOTALL | re.IGNORECASE)
        name = " ".join(unescape(title[1]).split()) if title else "without a title"
        return f"(a page of {len(body)} characters: {name})"
    return body
