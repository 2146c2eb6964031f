"""A small authorization server that follows the lifecycle guide, and fails on demand."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID = "presc_man_123"
CLIENT_SECRET = "ITS_A_VERY_SECRET_KEY"
REDIRECT_URI = "http://127.0.0.1:5000/callback"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the server; a body that is text is sent unchanged."""

    status: int
    body: object = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request, as it arrived."""

    method: str
    path: str
    content_type: str
    authorization: str
    body: str
    query: str = ""

    @property
    def json(self) -> dict[str, str]:
        members: dict[str, str] = json.loads(self.body)
        return members


@dataclass(slots=True)
class Grant:
    """A live authorization; its refresh token is a function of its generation, as in the real server."""

    generation: int = 0
    access_tokens: set[str] = field(default_factory=set)

    def refresh_token(self, name: str, generation: int) -> str:
        return f"RT_{name}_{generation:04d}"


class FakeServer:
    """State of the server, its log of requests, and the faults that a test has set."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.issuer = ""
        self.heard: list[Heard] = []
        self.codes: dict[str, str] = {}
        self.grants: dict[str, Grant] = {}
        self.faults: dict[str, Callable[[], Answer]] = {}
        self.profile: dict[str, object] = {"sub": "alice-1", "username": "alice", "name": "Alice Liddell"}
        self.expires_in: object = 3600
        self.delay_seconds = 0.0

    def allow(self, authorization_url: str) -> str:
        """Alice signs in and clicks Allow; return the query of the redirect."""
        parameters = self.parameters(authorization_url)
        code = f"SPL__{secrets.token_hex(16)}"
        self.codes[code] = parameters["code_challenge"]
        return urlencode({"code": code, "state": parameters["state"], "iss": self.issuer})

    def deny(self, authorization_url: str, error: str = "access_denied") -> str:
        """Alice clicks Deny."""
        state = self.parameters(authorization_url)["state"]
        return urlencode({"error": error, "state": state, "iss": self.issuer})

    @staticmethod
    def parameters(url: str) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def deauthorise(self) -> None:
        """Alice clicks Revoke Access in Manage Connected Apps."""
        self.grants.clear()

    def sent_to(self, path: str) -> list[Heard]:
        return [heard for heard in self.heard if heard.path == path]

    def answer(self, heard: Heard) -> Answer:
        with self.lock:
            self.heard.append(heard)
        time.sleep(self.delay_seconds)
        if heard.path in self.faults:
            return self.faults[heard.path]()
        with self.lock:
            return self.behave(heard)

    def behave(self, heard: Heard) -> Answer:
        """Return the right response; the caller holds the lock."""
        match heard.path:
            case "/token/":
                return self._token(heard.json)
            case "/userinfo/":
                return self._userinfo(heard.authorization.removeprefix("Bearer "))
            case "/oauth/revoke/":
                return self._revoke(heard.json)
            case "/authorise/" if parse_qs(heard.query).get("redirect_uri") == [REDIRECT_URI]:
                return Answer(302, "", {"Location": "/login/"})
            case "/authorise/":
                return Answer(400, "<title>This address is not registered</title>", {"Content-Type": "text/html"})
        return Answer(404)

    def _token(self, sent: dict[str, str]) -> Answer:
        if (sent["client_id"], sent["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return _error(401, "invalid_client")
        if sent["grant_type"] == "authorization_code":
            challenge = self.codes.pop(sent["code"], None)
            digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
            proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
            name = hashlib.sha256(sent["code"].encode()).hexdigest()[:24]
            if not proved or sent["redirect_uri"] != REDIRECT_URI:
                self.grants.pop(name, None)
                return _error(400, "invalid_grant")
            self.grants[name] = Grant()
            return self._issue(name)
        name, generation = sent["refresh_token"].removeprefix("RT_").rsplit("_", 1)
        grant = self.grants.get(name)
        if grant is None:
            return _error(400, "invalid_grant")
        if int(generation) == grant.generation:
            grant.generation += 1
        elif int(generation) != grant.generation - 1:
            del self.grants[name]
            return _error(400, "invalid_grant")
        return self._issue(name)

    def _issue(self, name: str) -> Answer:
        grant = self.grants[name]
        access_token = f"AT_{secrets.token_hex(20)}"
        grant.access_tokens.add(access_token)
        body: dict[str, object] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "refresh_token": grant.refresh_token(name, grant.generation),
            "scope": "user profile",
        }
        return Answer(200, body)

    def _userinfo(self, token: str) -> Answer:
        if any(token in grant.access_tokens for grant in self.grants.values()):
            return Answer(200, self.profile)
        return Answer(401, {"error": "invalid_token"}, {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def _revoke(self, sent: dict[str, str]) -> Answer:
        if sent["client_secret"] != CLIENT_SECRET:
            return _error(401, "invalid_client")
        for name, grant in list(self.grants.items()):
            grant.access_tokens.discard(sent["token"])
            if sent["token"].startswith(f"RT_{name}_"):
                del self.grants[name]
        return Answer(200)


def _error(status: int, error: str) -> Answer:
    return Answer(status, {"error": error, "error_description": "a sentence for developers"})


@contextmanager
def serving(fake: FakeServer) -> Iterator[FakeServer]:
    """Answer on a free loopback port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            heard = Heard(
                method=self.command,
                path=urlsplit(self.path).path,
                content_type=self.headers.get("Content-Type", ""),
                authorization=self.headers.get("Authorization", ""),
                body=body,
                query=urlsplit(self.path).query,
            )
            answer = fake.answer(heard)
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = handle_any  # noqa: N815  # the names BaseHTTPRequestHandler looks for

        def log_message(self, *_: object) -> None:
            """Log nothing: tests read `heard`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
