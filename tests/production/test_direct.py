"""`make serve` sends the same bytes with the fast path and without it, whatever is sent and however it is framed."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.production.deployment import REDIRECT_URI, Deployment, Served, serving
from tests.production.visit import Visit

pytestmark = pytest.mark.production

# The random parts of a response, and their replacements.
RANDOM = (
    (rb"(?im)^date: [^\r]*\r\n", b""),
    (rb'"(access_token|refresh_token|reference)": ?"[^"]*"', rb'"\1": "..."'),
    (rb'(name="csrfmiddlewaretoken" value=|csrftoken=|sessionid=)"?[A-Za-z0-9]+', rb"\1..."),
    (rb"expires=[^;]*GMT", b"expires=..."),
    (rb"(code=|%3D|state=)SP[A-Za-z]*_[-\w%]+", rb"\1..."),
    (rb"(?i)(reference:?|<code>)( |\s|<[^>]*>)*[0-9a-f]{12}", b"reference"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as it is sent. Each part can be changed separately."""

    method: str
    path: str
    query: bytes = b""
    version: str = "HTTP/1.1"
    headers: tuple[bytes, ...] = ()
    host: tuple[bytes, ...] = (b"Host: 127.0.0.1",)
    length: tuple[bytes, ...] | None = None  # None: the true length
    body: bytes = b""

    def __bytes__(self) -> bytes:
        target = self.path.encode("latin-1") + (b"?" + self.query if self.query else b"")
        length = (b"Content-Length: %d" % len(self.body),) if self.body else ()
        lines = [
            b"%s %s %s" % (self.method.encode(), target, self.version.encode()),
            *self.host,
            *self.headers,
            *(length if self.length is None else self.length),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body

    def changed(self, **pieces: object) -> "Message":
        """A copy with these parts changed."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return Message(**(values | pieces))

    def with_headers(self, *lines: bytes) -> "Message":
        """A copy with more headers."""
        return self.changed(headers=(*self.headers, *lines))

    def without(self, name: bytes) -> "Message":
        """A copy without a header."""
        return self.changed(
            headers=tuple(line for line in self.headers if not line.lower().startswith(name.lower() + b":"))
        )


# The lines of a response's head, and its body.
Answer = tuple[list[bytes], bytes]
Change = Callable[[Message], Message]


@dataclass(slots=True, kw_only=True)
class Entry:
    """A site, and a visit to it."""

    served: Served
    visit: Visit

    @property
    def client(self) -> dict[str, str]:
        """Credentials of the client."""
        return {"client_id": "presc_man_123", "client_secret": self.visit.client_secret}

    def tokens(self) -> dict[str, str]:
        """New tokens."""
        answer: dict[str, str] = self.visit.exchange(self.visit.code()).json()
        return answer

    def ask(self, message: Message) -> list[Answer]:
        """
        Return all responses on a connection: the first, and that of a second request unless the server has closed.

        A body that was left in the connection would be taken for the second request.
        """
        port = int(self.served.environment["SERVE_PORT"])
        second = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        # A server that closes with unread input resets the connection, and the response may be lost.
        received = next(filter(None, (self._send(port, bytes(message) + second) for _ in range(5))))
        for pattern, replacement in RANDOM:
            received = re.sub(pattern, replacement, received)
        # Whether the server reads the rest of a refused body, or closes, depends on timing.
        received = received.replace(b"connection: close\r\n", b"")
        answers = (answer.partition(b"\r\n\r\n") for answer in re.split(rb"(?=HTTP/1\.\d \d{3})", received) if answer)
        return [(_sorted(head.split(b"\r\n")), body) for head, _, body in answers]

    @staticmethod
    def _send(port: int, sent: bytes) -> bytes:
        received = b""
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(sent)
            while piece := connection.recv(65_536):
                received += piece
        return received


def _sorted(lines: list[bytes]) -> list[bytes]:
    first, *headers = lines
    # Django sends this header with a 204 as well, against RFC 9110 section 8.6.
    return [first, *sorted(line for line in headers if line != b"content-length: 0")]


Route = Callable[[Entry], Message]


def _chunked(*chunks: bytes, ending: bytes = b"0\r\n\r\n") -> Change:
    def change(message: Message) -> Message:
        pieces = chunks or (message.body[:7], message.body[7:])
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        return message.changed(body=body + ending, length=(b"Transfer-Encoding: chunked",))

    return change


def _query(query: bytes) -> Change:
    return lambda message: message.changed(query=message.query + (b"&" if message.query else b"") + query)


def _method(method: str) -> Change:
    return lambda message: message.changed(method=method)


def _headers(*lines: bytes) -> Change:
    return lambda message: message.with_headers(*lines)


def _instead(name: bytes, *lines: bytes) -> Change:
    return lambda message: message.without(name).with_headers(*lines)


def _length(*lines: bytes) -> Change:
    return lambda message: message.changed(length=lines)


def _host(*lines: bytes) -> Change:
    return lambda message: message.changed(host=lines)


def _body(body: bytes, content_type: bytes) -> Change:
    return lambda message: message.without(b"Content-Type").with_headers(content_type).changed(body=body)


CHANGES: dict[str, Change] = {
    "as it is": lambda message: message,
    # The framing of the body (RFC 9112 section 6).
    "chunked": _chunked(),
    "chunked, with a trailer": _chunked(ending=b"0\r\nX-Trailer: x\r\n\r\n"),
    "chunked, too long": _chunked(b"x" * 70_000),
    "chunked, empty": _chunked(b""),
    "chunked, not in hexadecimal": lambda message: message.changed(
        body=b"zz\r\n" + message.body, length=(b"Transfer-Encoding: chunked",)
    ),
    "chunked and gzip": _length(b"Transfer-Encoding: gzip, chunked"),
    "chunked, and a length": lambda message: message.changed(
        body=b"0\r\n\r\n", length=(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    ),
    "another transfer coding": _length(b"Transfer-Encoding: identity"),
    "no length": lambda message: message.changed(body=b"", length=()),
    "length 0": lambda message: message.changed(body=b"", length=(b"Content-Length: 0",)),
    "a negative length": _length(b"Content-Length: -1"),
    "a length with a sign": _length(b"Content-Length: +5"),
    "two lengths": _length(b"Content-Length: 5", b"Content-Length: 6"),
    "a length that is a word": _length(b"Content-Length: five"),
    "an endless length": _length(b"Content-Length: " + b"9" * 5000),
    "a length with an underscore": _headers(b"Content_Length: 3"),
    "a body that is too long": lambda message: message.changed(body=message.body + b"&x=" + b"x" * 70_000),
    "a body where none belongs": lambda message: message.changed(body=message.body or b"x=y"),
    "100-continue": _headers(b"Expect: 100-continue"),
    "HTTP/1.0": lambda message: message.changed(version="HTTP/1.0"),
    # The method (RFC 9110 section 9).
    **{
        name: _method(name)
        for name in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "ODD", "get")
    },
    # The target.
    "raw UTF-8 in the query": _query("x=\u00e4\u20ac".encode()),
    "raw Latin-1 in the query": _query(b"x=\xe4"),
    "raw Latin-1 and a secret in the query": _query(b"x=\xe4&client_secret=x"),
    "an encoded byte that is no UTF-8": _query(b"x=%FF"),
    "NUL in the query": _query(b"x=%00"),
    "half an escape": _query(b"x=%"),
    "a long query": _query(b"x=" + b"y" * 9_000),
    "a query that is too long": _query(b"x=" + b"y" * 70_000),
    "a thousand parameters": _query(b"&".join(b"x%d=y" % number for number in range(1001))),
    "a semicolon": _query(b"a=b;c=d"),
    "twice": lambda message: message.changed(query=message.query + b"&" + message.query),
    "a secret in the URL": _query(b"client_secret=x"),
    "an access token in the URL": _query(b"access_token=x"),
    "an empty query": lambda message: message.changed(path=message.path + "?"),
    "no slash": lambda message: message.changed(path=message.path.rstrip("/")),
    "a second slash": lambda message: message.changed(path="/" + message.path),
    "an escape in the path": lambda message: message.changed(path=message.path.replace("e", "%65", 1)),
    "NUL in the path": lambda message: message.changed(path=message.path + "%00"),
    "raw UTF-8 in the path": lambda message: message.changed(path=message.path + "\xc3\xa4"),
    "the absolute form": lambda message: message.changed(path="http://127.0.0.1" + message.path),
    "dots": lambda message: message.changed(path="/x/.." + message.path),
    # The headers.
    "an id of a request": _headers(b"X-Request-ID: of-a-stranger-12"),
    "forwarded": _headers(
        b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: evil.example"
    ),
    "a header of raw UTF-8": _headers("X-Name: \u00e4".encode()),
    "a header of raw Latin-1": _headers(b"X-Name: \xe4"),
    "an empty header": _headers(b"X-Name:"),
    "a folded header": _headers(b"X-Name: a", b" b"),
    "a header of 20,000 bytes": _headers(b"X-Name: " + b"x" * 20_000),
    "a hundred headers": _headers(*(b"X-%d: x" % number for number in range(90))),
    "an origin": _headers(b"Origin: https://app.example.com"),
    "a preflight": lambda message: message.changed(method="OPTIONS").with_headers(
        b"Origin: https://app.example.com",
        b"Access-Control-Request-Method: POST",
        b"Access-Control-Request-Headers: authorization, mcp-protocol-version, traceparent",
    ),
    "gzip": _headers(b"Accept-Encoding: gzip"),
    "a language": _headers(b"Accept-Language: de"),
    "a range": _headers(b"Range: bytes=0-3"),
    "a condition": _headers(b'If-None-Match: "x"', b"If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT"),
    "another method by header": _headers(b"X-HTTP-Method-Override: GET"),
    "no Authorization": _instead(b"Authorization"),
    "Authorization twice": _headers(b"Authorization: Bearer x"),
    "Authorization with an underscore": _headers(b"Authorization_: Bearer x"),
    "an empty Authorization": _instead(b"Authorization", b"Authorization:"),
    "Authorization in UTF-8": _instead(b"Authorization", "Authorization: Bearer \u00e4".encode()),
    "Basic that is no base64": _instead(b"Authorization", b"Authorization: Basic !"),
    "another scheme": _instead(b"Authorization", b"Authorization: DPoP x"),
    "no cookie": _instead(b"Cookie"),
    "another cookie": _headers(b"Cookie: x=y"),
    "a cookie of raw UTF-8": _instead(b"Cookie", "Cookie: sessionid=\u00e4".encode()),
    "a session that does not exist": _instead(b"Cookie", b"Cookie: sessionid=" + b"x" * 32),
    "a broken CSRF cookie": _headers(b"Cookie: csrftoken=x"),
    "no type": _instead(b"Content-Type"),
    "a type in capitals": _instead(b"Content-Type", b"Content-Type: APPLICATION/X-WWW-FORM-URLENCODED"),
    "a type twice": _headers(b"Content-Type: application/json"),
    "a charset": _instead(b"Content-Type", b"Content-Type: application/x-www-form-urlencoded; charset=UTF-8"),
    "another charset": _instead(b"Content-Type", b"Content-Type: application/x-www-form-urlencoded; charset=utf-16"),
    "a charset that is none": _instead(
        b"Content-Type", b"Content-Type: application/x-www-form-urlencoded; charset=hex"
    ),
    "a type that cannot be read": _instead(b"Content-Type", b"Content-Type: text/plain; x*=nothing'en'%41"),
    "JSON": _body(b'{"grant_type": "refresh_token"}', b"Content-Type: application/json"),
    "JSON with a BOM": _body(b'\xef\xbb\xbf{"grant_type": "x"}', b"Content-Type: application/json"),
    "JSON in UTF-16": _body('{"grant_type": "x"}'.encode("utf-16"), b"Content-Type: application/json"),
    "JSON that nests": _body(b"[" * 20_000, b"Content-Type: application/json"),
    "no form": _body(b"\xff\xfe\x00=", b"Content-Type: application/x-www-form-urlencoded"),
    "multipart": _body(
        b'--b\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nx\r\n--b--\r\n',
        b"Content-Type: multipart/form-data; boundary=b",
    ),
    # The host (RFC 9110 section 7.2).
    "no host": _host(),
    "an empty host": _host(b"Host:"),
    "two hosts": _host(b"Host: 127.0.0.1", b"Host: evil.example"),
    "another host": _host(b"Host: evil.example"),
    "a host in capitals": _host(b"Host: LOCALHOST"),
    "a host with a port": _host(b"Host: 127.0.0.1:99"),
    "a host of IPv6": _host(b"Host: [::1]:8000"),
    "a host with two ports": _host(b"Host: 127.0.0.1:80:80"),
    "a host with a path": _host(b"Host: 127.0.0.1/x"),
    "a host that ends in a dot": _host(b"Host: localhost."),
}


def _token(entry: Entry) -> Message:
    return _post("/token/", grant_type="refresh_token", refresh_token=entry.tokens()["refresh_token"], **entry.client)


def _revoke(entry: Entry) -> Message:
    return _post("/oauth/revoke/", token=entry.tokens()["access_token"], **entry.client)


def _userinfo(entry: Entry) -> Message:
    authorization = f"Authorization: Bearer {entry.tokens()['access_token']}"
    return Message(method="GET", path="/userinfo/", headers=(authorization.encode(),))


def _sign_in(entry: Entry) -> Message:
    return _authorise(entry, scope="openid profile", nonce="n-0S6_WzA2Mj", max_age="3600")


def _authorise(entry: Entry, **changes: str) -> Message:
    query = {"response_type": "code", "client_id": "presc_man_123", "redirect_uri": REDIRECT_URI, "state": "xyzABC123"}
    cookie = "; ".join(f"{name}={value}" for name, value in entry.visit.browser.cookies.items())
    return Message(
        method="GET",
        path="/authorise/",
        query=urlencode(query | {"scope": "user profile"} | changes).encode(),
        headers=(f"Cookie: {cookie}".encode(),),
    )


def _post(path: str, **form: str) -> Message:
    body = urlencode(form).encode()
    return Message(method="POST", path=path, headers=(b"Content-Type: application/x-www-form-urlencoded",), body=body)


ROUTES: dict[str, Route] = {
    "token": _token,
    "revoke": _revoke,
    "userinfo": _userinfo,
    "authorise": _authorise,
    "sign in": _sign_in,
}


# The fast path is the default.
ENTRIES: dict[str, dict[str, str]] = {"django": {"SERVE_DIRECT": "0"}, "direct": {}}


@pytest.fixture(scope="module")
def entries(on_sqlite: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Entry]]:
    """Both sites on the same database, with Alice signed in at both."""
    logs = tmp_path_factory.mktemp("logs")
    with contextlib.ExitStack() as running:
        entries = {}
        for name, settings in ENTRIES.items():
            environment = on_sqlite.environment(SERVE_WORKERS="1", OAUTH_SERVICE_ISSUER="http://127.0.0.1", **settings)
            served = running.enter_context(serving(environment, log_path=logs / name))
            visit = running.enter_context(Visit(base_url=served.url, client_secret=on_sqlite.client_secret))
            visit.sign_in()
            visit.code(scope="user profile openid")
            entries[name] = Entry(served=served, visit=visit)
        yield entries


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("route", ROUTES)
def test_no_program_and_no_browser_can_tell(entries: dict[str, Entry], route: str, change: str) -> None:
    """
    The fast path must not change a client's or browser's view of the server: status, headers and body are the same. A
    refused body is never taken for the next request.
    """
    (through_django, *others), (directly, *another) = (
        entry.ask(CHANGES[change](ROUTES[route](entry))) for entry in entries.values()
    )
    if route in ("token", "revoke", "userinfo"):
        through_django, directly = _without_cookies(through_django), _without_cookies(directly)
    assert directly == through_django
    assert directly[0][0] < b"HTTP/1.1 5"
    if change == "as it is":
        assert directly[0][0].split()[1] == {"token": b"200", "revoke": b"200", "userinfo": b"200"}.get(route, b"302")
        assert route not in ("authorise", "sign in") or b"?code=..." in b"".join(directly[0])
    assert {head[0] for head, _ in (*others, *another)} <= {b"HTTP/1.1 200 OK"}


def _without_cookies(answer: Answer) -> Answer:
    # Django replaces a CSRF cookie that it cannot read; an endpoint for programs sets no cookies.
    head, body = answer
    lines = [b"vary: Authorization" if line == b"vary: Authorization, Cookie" else line for line in head]
    return [line for line in lines if not line.startswith(b"set-cookie:")], body
