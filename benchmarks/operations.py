"""The five operations of a connection's life, as every subject is asked for them; what one answers is what the next one sends."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from .load import Answer

REDIRECT_URI = "http://127.0.0.1:5000/callback"
SCOPE = "user profile"
OPENID_SCOPE = f"openid {SCOPE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where a subject answers."""

    authorise: str
    token: str
    bearer: str
    revoke: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What a subject tells of itself once it is set up: its client, and a session cookie for each signed-in user.

    stock has tokens of connections that were there before: access token, refresh token.
    """

    client_id: str
    client_secret: str
    cookies: tuple[str, ...]
    stock: tuple[tuple[str, str], ...] = ()

    def tell(self) -> None:
        """Print them for the process that asked."""
        print(json.dumps(asdict(self)))

    @classmethod
    def heard(cls, text: str) -> Self:
        """What tell() printed; it is the last line, whatever else was said before."""
        members = json.loads(text.splitlines()[-1])
        stock = tuple((access, refresh) for access, refresh in members.get("stock", ()))
        return cls(**members | {"cookies": tuple(members["cookies"]), "stock": stock})


class Wrong(Exception):
    """An answer is not what the operation must give; the run is worth nothing."""


@dataclass(slots=True, kw_only=True)
class Player:
    """A subject's users and its client: what they hold now, and how they ask."""

    name: str
    port: int
    paths: Paths
    facts: Facts
    scope: str = SCOPE
    extra: Mapping[str, str] = field(default_factory=dict)  # more parameters of the authorization request
    codes: list[tuple[str, str]] = field(default_factory=list)  # code, code_verifier
    tokens: list[tuple[str, str]] = field(default_factory=list)  # access token, refresh token

    # -- sending -----------------------------------------------------------------------------------------------------

    def authorise(self, count: int) -> list[bytes]:
        """GET with a session cookie, each user once; they have allowed it before."""
        self.codes = [("", secrets.token_urlsafe(48)) for _ in range(count)]
        return [
            self._get(f"{self.paths.authorise}?{urlencode(self.authorization_request(verifier))}", f"Cookie: {cookie}")
            for (_, verifier), cookie in zip(self.codes, self.facts.cookies, strict=False)
        ]

    def code(self, count: int) -> list[bytes]:
        """POST of a code with its verifier and the client's secret."""
        return [
            self._post(
                self.paths.token,
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": REDIRECT_URI,
                    "code_verifier": verifier,
                },
            )
            for code, verifier in self.codes[:count]
        ]

    def bearer(self, count: int) -> list[bytes]:
        """GET of the user's data with an access token."""
        return [self._get(self.paths.bearer, f"Authorization: Bearer {access}") for access, _ in self.tokens[:count]]

    def refresh(self, count: int) -> list[bytes]:
        """POST of a refresh token and the client's secret; the refresh token is rotated."""
        return [
            self._post(self.paths.token, {"grant_type": "refresh_token", "refresh_token": refresh})
            for _, refresh in self.tokens[:count]
        ]

    def revoke(self, count: int) -> list[bytes]:
        """POST of a refresh token and the client's secret; the whole connection ends."""
        return [self._post(self.paths.revoke, {"token": refresh}) for _, refresh in self.tokens[:count]]

    # -- receiving: Wrong unless all is as it must be ----------------------------------------------------------------

    def take_codes(self, answers: Sequence[Answer]) -> None:
        """A redirect to the client with a code and our state."""
        for number, answer in enumerate(answers):
            target = answer.header("Location")
            query = parse_qs(urlsplit(target).query)
            if (
                answer.status not in (302, 303)
                or not target.startswith(REDIRECT_URI)
                or query.get("state") != ["s" * 16]
            ):
                raise self._wrong("authorise", answer)
            self.codes[number] = (query["code"][0], self.codes[number][1])

    def take_tokens(self, answers: Sequence[Answer]) -> None:
        """A bearer token of the whole scope with a lifetime, a new refresh token, and with openid an ID token."""
        before = {refresh for _, refresh in self.tokens}
        self.tokens = []
        for answer in answers:
            members = self._json("token", answer)
            if (
                str(members.get("token_type")).lower() != "bearer"
                or set(str(members.get("scope")).split()) != set(self.scope.split())
                or int(str(members.get("expires_in"))) < 600
                or members.get("refresh_token") in before | {None, ""}
                or str(members.get("id_token", "")).count(".") != (2 if "openid" in self.scope.split() else 0)
            ):
                raise self._wrong("token", answer)
            self.tokens.append((str(members["access_token"]), str(members["refresh_token"])))
        if len(set(self.tokens)) != len(self.tokens):
            raise Wrong(f"{self.name}: the same token for two")

    def take_user(self, answers: Sequence[Answer]) -> None:
        """JSON that names the user."""
        for answer in answers:
            members = self._json("bearer", answer)
            if not members.get("sub") or not members.get("email"):
                raise self._wrong("bearer", answer)

    def take_nothing(self, answers: Sequence[Answer]) -> None:
        """200 (RFC 7009 section 2.2)."""
        for answer in answers:
            if answer.status != 200:
                raise self._wrong("revoke", answer)

    # -- messages ----------------------------------------------------------------------------------------------------

    def authorization_request(self, verifier: str) -> dict[str, str]:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return {
            "response_type": "code",
            "client_id": self.facts.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": self.scope,
            "state": "s" * 16,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | dict(self.extra)

    def _get(self, target: str, header: str) -> bytes:
        return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{FORWARDED}{header}\r\n\r\n".encode()

    def _post(self, path: str, parameters: dict[str, str]) -> bytes:
        body = urlencode(parameters | {"client_id": self.facts.client_id, "client_secret": self.facts.client_secret})
        return (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{FORWARDED}"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _json(self, operation: str, answer: Answer) -> dict[str, object]:
        if answer.status != 200:
            raise self._wrong(operation, answer)
        try:
            members = json.loads(answer.body)
        except ValueError as cause:
            raise self._wrong(operation, answer) from cause
        if not isinstance(members, dict):
            raise self._wrong(operation, answer)
        return members

    def _wrong(self, operation: str, answer: Answer) -> Wrong:
        return Wrong(f"{self.name}, {operation}: {answer.raw[:1500].decode(errors='replace')}")


# As from the proxy that every production server stands behind.
FORWARDED = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is measured: how its requests are made, and how its answers are checked and kept."""

    name: str
    title: str
    send: Callable[[Player, int], list[bytes]]
    take: Callable[[Player, Sequence[Answer]], None]


OPERATIONS = (
    Operation(name="authorise", title="authorise, consent remembered", send=Player.authorise, take=Player.take_codes),
    Operation(name="code", title="code exchange", send=Player.code, take=Player.take_tokens),
    Operation(name="bearer", title="bearer token used", send=Player.bearer, take=Player.take_user),
    Operation(name="refresh", title="refresh, rotated", send=Player.refresh, take=Player.take_tokens),
    Operation(name="revoke", title="revoke", send=Player.revoke, take=Player.take_nothing),
)
