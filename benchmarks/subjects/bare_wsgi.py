"""A bare WSGI callable: only parsing between the server and the driver."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import psycopg

from . import bare

_own = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer a request."""
    try:
        status, headers, body = _answer(environ)
    except bare.Refused:
        status, headers, body = "400 Bad Request", [], b""
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def _answer(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    match environ["PATH_INFO"]:
        case "/authorise":
            session_key = environ["HTTP_COOKIE"].removeprefix("sessionid=")
            target = bare.authorise(_driver(), dict(parse_qsl(environ["QUERY_STRING"])), session_key)
            return "302 Found", [("Location", target)], b""
        case "/token":
            return _json(bare.token(_driver(), _form(environ)))
        case "/userinfo":
            return _json(bare.userinfo(_driver(), environ["HTTP_AUTHORIZATION"]))
        case "/revoke":
            bare.revoke(_driver(), _form(environ))
            return "200 OK", [], b""
    return "404 Not Found", [], b""


def _json(members: dict[str, object]) -> tuple[str, list[tuple[str, str]], bytes]:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return "200 OK", headers, json.dumps(members).encode()


def _form(environ: dict[str, Any]) -> dict[str, str]:
    return dict(parse_qsl(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()))


def _driver() -> psycopg.Connection:
    try:
        connection: psycopg.Connection = _own.connection
    except AttributeError:
        connection = _own.connection = psycopg.connect(autocommit=True)
    return connection
