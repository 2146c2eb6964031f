"""
A WSGI application called within this process, so that valgrind counts its instructions only.

Run by its path with the checkout to measure in PYTHONPATH: `python in_process.py config.server.wsgi:application`. It
answers a line with a JSON list of raw requests with "ready"; then an empty line, which runs them, with "done"; then
another empty line with a JSON list of raw responses.
"""

import json
import sys
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes


def environ_of(request: str) -> dict[str, Any]:
    """The environ of a raw HTTP request (PEP 3333), each byte of which is a character."""
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, target, _version = first.split(" ")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body.encode("latin-1")),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.upper().replace("-", "_")
        environ[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value
    return environ


def answer_of(application: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status, headers and body, read and closed as a server would."""
    started: list[Any] = []
    pieces = application(environ, lambda *arguments: started.extend(arguments[:2]))
    try:
        body = b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    return started[0], started[1], body


def raw_answer(status: str, headers: list[tuple[str, str]], body: bytes) -> str:
    """A response as HTTP, each byte a character."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", body.decode("latin-1")]
    return "\r\n".join(lines)


def main(target: str) -> None:
    """Answer until standard input ends."""
    from django.utils.module_loading import import_string

    from config import serve

    serve.load(target)
    # Without the desk (config/server/desk.py): its worker threads would not be counted.
    application = import_string(target.replace(":", "."))
    # No sweep: under valgrind it would run in every window, and each time in another operation.
    vars(import_module("oauth_service.models.purge"))["_next_at"] = float("inf")
    for line in sys.stdin:
        environs = [environ_of(request) for request in json.loads(line)]
        print("ready", flush=True)
        sys.stdin.readline()
        answers = [answer_of(application, environ) for environ in environs]
        print("done", flush=True)
        sys.stdin.readline()
        raw = [raw_answer(*answer) for answer in answers]
        print(json.dumps(raw), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
