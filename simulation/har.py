"""A run as an HTTP Archive (HAR 1.2), which the network panels of browsers can open."""

import json
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from simulation.exchange import Exchange, Headers
from simulation.masking import masked

Json: TypeAlias = "str | int | float | list[Json] | dict[str, Json]"


def har(exchanges: Iterable[Exchange], *, reveal: bool = False) -> str:
    """
    Write the exchanges, in the order in which they happened, as one JSON document.

    Args:
        exchanges: a run, or a part of it.
        reveal: keep tokens and secrets as they are.
    """
    entries: list[Json] = [_entry(exchange if reveal else masked(exchange)) for exchange in exchanges]
    creator: Json = {"name": "prescription_manager_app", "version": "1"}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries}}, indent=2)


def _entry(exchange: Exchange) -> Json:
    milliseconds = exchange.elapsed.total_seconds() * 1000
    return {
        "startedDateTime": exchange.started_at.isoformat(timespec="milliseconds"),
        "time": milliseconds,
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "comment": f"Step {exchange.step}: {exchange.title}",
    }


def _request(exchange: Exchange) -> Json:
    request: dict[str, Json] = {
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "HTTP/1.1",
        "cookies": _cookies(exchange.request_headers, "cookie"),
        "headers": _pairs(exchange.request_headers),
        "queryString": _pairs(parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True)),
        "headersSize": -1,  # HAR's value for "unknown"
        "bodySize": len(exchange.request_body.encode()),
    }
    if exchange.request_body:
        media_type = _content_type(exchange.request_headers)
        request["postData"] = {"mimeType": media_type, "text": exchange.request_body}
    return request


def _response(exchange: Exchange) -> Json:
    size = len(exchange.response_body.encode())
    return {
        "status": exchange.status,
        "statusText": exchange.reason,
        "httpVersion": "HTTP/1.1",
        "cookies": _cookies(exchange.response_headers, "set-cookie"),
        "headers": _pairs(exchange.response_headers),
        "content": {
            "size": size,
            "mimeType": _content_type(exchange.response_headers),
            "text": exchange.response_body,
        },
        "redirectURL": exchange.header("Location"),
        "headersSize": -1,
        "bodySize": size,
    }


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs]


def _cookies(headers: Headers, kind: str) -> list[Json]:
    """Cookies in headers of one name; a Set-Cookie holds one, whose attributes are not included."""
    found = []
    for value in (value for name, value in headers if name.lower() == kind):
        cookies = value.split(";")[:1] if kind == "set-cookie" else value.split(";")
        found += [cookie.strip().partition("=") for cookie in cookies]
    return _pairs((name, value) for name, _, value in found)


def _content_type(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")
