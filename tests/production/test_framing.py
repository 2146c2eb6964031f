"""The same octets get the same response over WSGI, the fast path and ASGI."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from config.sites import ROOT
from tests import addresses
from tests.actors import FORM, JSON
from tests.production import raw
from tests.production.deployment import Deployment, eventually, serving
from tests.production.raw import Answer, in_chunks, request

pytestmark = pytest.mark.production

ISSUER = "http://127.0.0.1:8000"
TYPE, JSON_TYPE = f"Content-Type: {FORM}", f"Content-Type: {JSON}"
CHUNKED = "Transfer-Encoding: chunked"
BODY = b"grant_type=refresh_token&token=AT_a"
LONG = b"a=" + b"b" * 70_000
ASKED = "/authorise/?response_type=code&client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback"
HEADERS = ("content-type", "cache-control", "www-authenticate", "location", "allow", "access-control-allow-origin")


def measured(body: bytes) -> str:
    """Content-Length of a body."""
    return f"Content-Length: {len(body)}"


# The parts in which each is sent.
REQUESTS: dict[str, tuple[bytes, ...]] = {
    "a form": (request("POST", b"/token/", TYPE, measured(BODY)), BODY),
    "a form in one chunk": (request("POST", b"/token/", TYPE, CHUNKED), in_chunks(BODY)),
    "a form in many chunks": (request("POST", b"/token/", TYPE, CHUNKED), in_chunks(BODY, 3)),
    "a revocation in chunks": (request("POST", b"/oauth/revoke/", TYPE, CHUNKED), in_chunks(BODY)),
    "JSON in chunks": (request("POST", b"/token", JSON_TYPE, CHUNKED), in_chunks(b'{"grant_type": "a"}', 4)),
    "broken JSON in chunks": (request("POST", b"/token/", JSON_TYPE, CHUNKED), in_chunks(b"{")),
    "no chunk": (request("POST", b"/token/", TYPE, CHUNKED), in_chunks(b"")),
    "no body": (request("POST", b"/token/", TYPE),),
    "no body, no type": (request("POST", b"/token/"),),
    "too long": (request("POST", b"/token/", TYPE, measured(LONG)), LONG),
    "too long, in chunks": (request("POST", b"/token/", TYPE, CHUNKED), in_chunks(LONG)),
    "too long a revocation, in chunks": (request("POST", b"/oauth/revoke", TYPE, CHUNKED), in_chunks(LONG)),
    "both a length and chunks": (request("POST", b"/token/", TYPE, "Content-Length: 3", CHUNKED), in_chunks(BODY)),
    "two lengths": (request("POST", b"/token/", TYPE, "Content-Length: 3", measured(BODY)), BODY),
    "a length that is no number": (request("POST", b"/token/", TYPE, "Content-Length: +3"), b"a=b"),
    "no type, in chunks": (request("POST", b"/token/", CHUNKED), in_chunks(BODY)),
    "another type, in chunks": (request("POST", b"/token/", "Content-Type: text/xml", CHUNKED), in_chunks(b"<a/>")),
    "HTTP/1.0": (request("POST", b"/token/", TYPE, measured(BODY), version="1.0"), BODY),
    "continue": (request("POST", b"/token/", TYPE, measured(BODY), "Expect: 100-continue"), BODY),
    "a secret in the URL": (request("POST", b"/token/?client_secret=a", TYPE, CHUNKED), in_chunks(BODY)),
    "UTF-8 in a URL": (request("POST", "/token/?a=ä€".encode(), TYPE, measured(BODY)), BODY),
    "Latin-1 in a URL": (request("POST", "/token/?a=ä".encode("latin-1"), TYPE, measured(BODY)), BODY),
    "userinfo": (request("GET", b"/userinfo/", "Authorization: Bearer AT_a"),),
    "userinfo, by POST in chunks": (
        request("POST", b"/userinfo/", "Authorization: Bearer AT_a", TYPE, CHUNKED),
        in_chunks(b"a=b"),
    ),
    "userinfo, UTF-8 in a URL": (request("GET", "/userinfo/?ä=€".encode(), "Authorization: Bearer AT_a"),),
    "userinfo, no UTF-8 in a URL": (request("GET", b"/userinfo/?a=%FF", "Authorization: Bearer AT_a"),),
    "authorise": (request("GET", ASKED.encode()),),
    "authorise, UTF-8 in the state": (request("GET", f"{ASKED}&state=ä€".encode()),),
    "authorise, escaped UTF-8": (request("GET", f"{ASKED}&state=%C3%A4".encode()),),
    "authorise, no UTF-8 in the state": (request("GET", f"{ASKED}&state=%FF".encode()),),
    "authorise, an unknown client in UTF-8": (request("GET", "/authorise/?client_id=ä€".encode()),),
    "authorise, by POST in chunks": (
        request("POST", b"/authorise/", TYPE, CHUNKED),
        in_chunks(ASKED.partition("?")[2].encode()),
    ),
    "authorise, too long": (request("POST", b"/authorise/", TYPE, measured(LONG)), LONG),
    "authorise, too long, in chunks": (request("POST", b"/authorise/", TYPE, CHUNKED), in_chunks(LONG)),
    "login, UTF-8 in next": (request("GET", "/login/?next=/ä€".encode()),),
    "a path in UTF-8": (request("GET", "/ä€".encode()),),
    "a path in escaped UTF-8": (request("GET", b"/%C3%A4"),),
    **{
        f"{method} {path} {words}": (request(method, path.encode() + query, TYPE, *framing), *body)
        for path in addresses.ALL
        for method in ("GET", "POST")
        for words, query, framing, body in (
            ("UTF-8 in a URL", "?a=ä€".encode(), (), ()),
            ("in chunks", b"", (CHUNKED,), (in_chunks(b"a=b"),)),
        )
        if method == "POST" or not body
    },
}


@contextlib.contextmanager
def by_asgi(environment: dict[str, str], log_path: Path) -> Iterator[int]:
    """The site behind granian's ASGI; yield its port."""
    port = environment["SERVE_PORT"]
    command = [*(sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--no-ws", "--port", port)]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [*command, "tests.production.asgi_site:application"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            eventually(lambda: _is_alive(int(port)))
            yield int(port)
        finally:
            process.terminate()
            process.wait(20)


def _is_alive(port: int) -> bool:
    with contextlib.suppress(OSError):
        return raw.send(port, request("GET", b"/healthz")).status == 200
    return False


@pytest.fixture(scope="module")
def ports(on_sqlite: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Ports of the three sites, which share one database."""
    log_path = tmp_path_factory.mktemp("framing") / "log"
    stated = {"OAUTH_SERVICE_ISSUER": ISSUER, "SERVE_WORKERS": "1"}
    with contextlib.ExitStack() as stack:
        found = {}
        for way, direct in (("WSGI", "0"), ("direct", "1")):
            environment = on_sqlite.environment(SERVE_DIRECT=direct, **stated)
            stack.enter_context(serving(environment, log_path=log_path))
            found[way] = int(environment["SERVE_PORT"])
        found["ASGI"] = stack.enter_context(by_asgi(on_sqlite.environment(**stated), log_path))
        yield found


def told(answer: Answer) -> dict[str, Any]:
    """A response without its random parts: references and CSRF tokens."""
    members = {name: value for name, value in answer.members.items() if name != "reference"}
    title = re.search(rb"<title>(.*?)</title>", answer.body, re.DOTALL)
    headers = {name: value for name, value in answer.headers.items() if name in HEADERS}
    return {"status": answer.status, "headers": headers, "members": members, "title": title and title[1].split()}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_octets_get_the_same_answer(ports: dict[str, int], name: str) -> None:
    """A client cannot know which protocol serves the endpoints."""
    answers = {way: told(raw.send(port, *REQUESTS[name])) for way, port in ports.items()}
    expected = answers["ASGI"]
    assert answers == dict.fromkeys(ports, expected)
    assert 200 <= expected["status"] < 500


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("a form in many chunks", 401, "client authentication is missing"),
        ("JSON in chunks", 401, "client authentication is missing"),
        ("too long, in chunks", 413, "the body is longer than 65536 bytes"),
        ("UTF-8 in a URL", 401, "client authentication is missing"),
        ("userinfo, UTF-8 in a URL", 401, "the access token is not valid"),
    ],
)
def test_the_servers_answer_framing_errors_as_expected(
    ports: dict[str, int], name: str, status: int, sentence: str
) -> None:
    """The test above would pass if all three servers were wrong in the same way."""
    for way, port in ports.items():
        answer = raw.send(port, *REQUESTS[name])
        assert (way, answer.status, answer.members["error_description"]) == (way, status, sentence)


def test_a_client_may_send_all_it_has_in_chunks(ports: dict[str, int], on_sqlite: Deployment) -> None:
    """The secret is at the end of the body, so the server must read all chunks."""
    body = urlencode({"token": "AT_a", "client_id": "presc_man_123", "client_secret": on_sqlite.client_secret}).encode()
    for way, port in ports.items():
        answer = raw.send(port, request("POST", b"/oauth/revoke/", TYPE, CHUNKED), in_chunks(body, 5))
        assert (way, answer.status, answer.body) == (way, 200, b"")
