"""
The measured operations: the five of a connection's life, and those of services and APIs.

Each operation sends what the response to an earlier one contained.
"""

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
EXCHANGED_SCOPE = "user"
_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """URL paths of a subject; introspect, api, drf and ninja only if services and APIs are measured."""

    authorise: str
    token: str
    bearer: str
    revoke: str
    introspect: str = ""
    api: str = ""
    drf: str = ""
    ninja: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    Facts about a subject after its setup: its client, and a session cookie for each signed-in user.

    Attributes:
        stock: tokens of earlier connections, as pairs of access token and refresh token.
        service_id, service_secret: credentials of a client that acts without a browser.
        resources: identifiers of the resources that tokens are requested for (RFC 8707): the API with the guarded view,
            then the server's own.
    """

    client_id: str
    client_secret: str
    cookies: tuple[str, ...]
    stock: tuple[tuple[str, str], ...] = ()
    service_id: str = ""
    service_secret: str = ""
    resources: tuple[str, ...] = ()

    def tell(self) -> None:
        """Print the facts for the process that asked."""
        print(json.dumps(asdict(self)))

    @classmethod
    def heard(cls, text: str) -> Self:
        """Read the output of tell(), which is the last line; earlier lines are ignored."""
        members = json.loads(text.splitlines()[-1])
        stock = tuple((access, refresh) for access, refresh in members.get("stock", ()))
        lists = {"cookies": tuple(members["cookies"]), "resources": tuple(members.get("resources", ())), "stock": stock}
        return cls(**members | lists)


class Wrong(Exception):
    """A response is not what the operation must return; the run is void."""


@dataclass(slots=True, kw_only=True)
class Player:
    """Users and client of a subject: the tokens that they hold, and the requests that they send."""

    name: str
    port: int
    paths: Paths
    facts: Facts
    scope: str = SCOPE
    extra: Mapping[str, str] = field(default_factory=dict)  # more parameters of the authorization request
    token_alg: str = ""  # algorithm of the access tokens for resources, which are JWTs then (RFC 9068)
    codes: list[tuple[str, str]] = field(default_factory=list)  # code, code_verifier
    tokens: list[tuple[str, str]] = field(default_factory=list)  # access token, refresh token
    server_tokens: list[str] = field(default_factory=list)  # the users' access tokens for the server's own resource
    own_tokens: list[str] = field(default_factory=list)  # the service's

    # -- sending -----------------------------------------------------------------------------------------------------

    def authorise(self, count: int) -> list[bytes]:
        """GET with a session cookie, once per user; all have consented before."""
        self.codes = [("", secrets.token_urlsafe(48)) for _ in range(count)]
        named = [("resource", each) for each in self.facts.resources]
        return [
            self._get(
                f"{self.paths.authorise}?{urlencode([*self.authorization_request(verifier).items(), *named])}",
                f"Cookie: {cookie}",
            )
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
                }
                | self._for_api(),
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

    # -- of services and APIs ----------------------------------------------------------------------------------------

    def server_token(self, count: int) -> list[bytes]:
        """POST of a refresh token for an access token for the server's own resource (RFC 8707 section 2.2)."""
        own = self.facts.resources[-1]
        return [
            self._post(self.paths.token, {"grant_type": "refresh_token", "refresh_token": refresh, "resource": own})
            for _, refresh in self.tokens[:count]
        ]

    def client_credentials(self, count: int) -> list[bytes]:
        """POST of the service's secret (RFC 6749 section 4.4)."""
        return [self._post(self.paths.token, self._own(), by=self._service) for _ in range(count)]

    def api_token(self, count: int) -> list[bytes]:
        """The same for a token for the API."""
        return [self._post(self.paths.token, self._own() | self._for_api(), by=self._service) for _ in range(count)]

    def introspect(self, count: int) -> list[bytes]:
        """POST of a user's access token for the API, and the secret of the API's service (RFC 7662)."""
        return [
            self._post(self.paths.introspect, {"token": access}, by=self._service) for access, _ in self.tokens[:count]
        ]

    def exchange(self, count: int) -> list[bytes]:
        """
        POST of a user's access token and the service's own, for less scope: the service becomes the actor (RFC 8693).
        """
        asked = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token_type": _TOKEN_TYPE,
            "actor_token_type": _TOKEN_TYPE,
            "scope": EXCHANGED_SCOPE,
        } | self._for_api()
        pairs = zip(self.tokens[:count], self.own_tokens, strict=False)
        return [
            self._post(self.paths.token, asked | {"subject_token": access, "actor_token": own}, by=self._service)
            for (access, _), own in pairs
        ]

    def userinfo(self, count: int) -> list[bytes]:
        """GET of the user's data at the server, with an access token for it."""
        return [
            self._get(self.paths.bearer, f"Authorization: Bearer {access}") for access in self.server_tokens[:count]
        ]

    def api(self, count: int) -> list[bytes]:
        """GET of the user's data at a guarded view, with an access token for its API."""
        return [self._get(self.paths.api, f"Authorization: Bearer {access}") for access, _ in self.tokens[:count]]

    def drf(self, count: int) -> list[bytes]:
        """The same at a view of Django REST framework."""
        return [self._get(self.paths.drf, f"Authorization: Bearer {access}") for access, _ in self.tokens[:count]]

    def ninja(self, count: int) -> list[bytes]:
        """The same at an operation of django-ninja."""
        return [self._get(self.paths.ninja, f"Authorization: Bearer {access}") for access, _ in self.tokens[:count]]

    # -- receiving: the checks raise Wrong ---------------------------------------------------------------------------

    def take_codes(self, answers: Sequence[Answer]) -> None:
        """Expect a redirect to the client with a code and our state."""
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
        """
        Expect a bearer token with the whole scope and a lifetime, a new refresh token, and with openid an ID token.
        """
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
        """Expect JSON that names the user."""
        for answer in answers:
            members = self._json("bearer", answer)
            if not members.get("sub") or not members.get("email"):
                raise self._wrong("bearer", answer)

    def take_nothing(self, answers: Sequence[Answer]) -> None:
        """Expect a 200 (RFC 7009 section 2.2)."""
        for answer in answers:
            if answer.status != 200:
                raise self._wrong("revoke", answer)

    def take_api_tokens(self, answers: Sequence[Answer]) -> None:
        """Like take_tokens; each access token is for the API."""
        self.take_tokens(answers)
        for (access, _), answer in zip(self.tokens, answers, strict=True):
            if not _is_for(access, *self.facts.resources[:1], alg=self.token_alg, client_id=self.facts.client_id):
                raise self._wrong("token", answer)

    def take_server_tokens(self, answers: Sequence[Answer]) -> None:
        """Expect access tokens for the server's own resource; those for the API stay."""
        self.server_tokens = self._access_tokens(
            "server token",
            answers,
            scope=self.scope,
            alg=self.token_alg,
            to=self.facts.client_id,
            at=self.facts.resources[-1:],
        )

    def take_own_tokens(self, answers: Sequence[Answer]) -> None:
        """Expect bearer tokens with the whole scope and no refresh token (RFC 6749 section 4.4.3)."""
        self.own_tokens = self._service_tokens("client credentials", answers, scope=self.scope, alg="")

    def take_own_api_tokens(self, answers: Sequence[Answer]) -> None:
        """Expect the same, in the format of the API."""
        self._service_tokens("client credentials, API", answers, scope=self.scope, alg=self.token_alg)

    def take_active(self, answers: Sequence[Answer]) -> None:
        """Expect active tokens of the users, with their client, scope and audience (RFC 7662 section 2.2)."""
        for answer in answers:
            members = self._json("introspect", answer)
            named = members.get("aud")
            if (
                members.get("active") is not True
                or members.get("client_id") != self.facts.client_id
                or set(str(members.get("scope")).split()) != set(self.scope.split())
                or not isinstance(members.get("exp"), int)
                or (named if isinstance(named, list) else [named]) != [*self.facts.resources[:1]]
            ):
                raise self._wrong("introspect", answer)

    def take_exchanged(self, answers: Sequence[Answer]) -> None:
        """
        Expect an access token with less scope for the API, issued to the service, and no refresh token (RFC 8693
        section 2.2.1).
        """
        alg = self.token_alg
        self._service_tokens("exchange", answers, scope=EXCHANGED_SCOPE, alg=alg, issued_token_type=_TOKEN_TYPE)

    def _service_tokens(
        self, operation: str, answers: Sequence[Answer], *, scope: str, alg: str, **more: str
    ) -> list[str]:
        for answer in answers:
            members = self._json(operation, answer)
            if members.get("refresh_token") or any(members.get(name) != value for name, value in more.items()):
                raise self._wrong(operation, answer)
        api = self.facts.resources[:1]
        return self._access_tokens(operation, answers, scope=scope, alg=alg, to=self.facts.service_id, at=api)

    def _access_tokens(
        self, operation: str, answers: Sequence[Answer], *, scope: str, alg: str, to: str, at: Sequence[str]
    ) -> list[str]:
        tokens = []
        for answer in answers:
            members = self._json(operation, answer)
            tokens.append(str(members.get("access_token", "")))
            if (
                str(members.get("token_type")).lower() != "bearer"
                or set(str(members.get("scope")).split()) != set(scope.split())
                or int(str(members.get("expires_in", 0))) < 600
                or not _is_for(tokens[-1], *at, alg=alg, client_id=to)
            ):
                raise self._wrong(operation, answer)
        if len(set(tokens)) != len(tokens):
            raise Wrong(f"{self.name}: the same token for two")
        return tokens

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

    def _own(self) -> dict[str, str]:
        return {"grant_type": "client_credentials", "scope": self.scope}

    def _for_api(self) -> dict[str, str]:
        return {"resource": self.facts.resources[0]} if self.facts.resources else {}

    @property
    def _service(self) -> tuple[str, str]:
        return self.facts.service_id, self.facts.service_secret

    def _post(self, path: str, parameters: dict[str, str], *, by: tuple[str, str] | None = None) -> bytes:
        client_id, secret = by or (self.facts.client_id, self.facts.client_secret)
        body = urlencode(parameters | {"client_id": client_id, "client_secret": secret})
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


_JWT = "eyJ"  # beginning of every JWT: its header begins with {"
# As from a proxy, which production servers have in front.
FORWARDED = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n"


def _is_for(token: str, *audience: str, alg: str, client_id: str) -> bool:
    """True if a token is opaque, or a JWT (RFC 9068) with this algorithm, client and audience."""
    if not alg:
        return bool(token) and not token.startswith(_JWT)
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    except ValueError:
        return False
    said = claims.get("aud")
    held = (header.get("alg"), header.get("typ"), claims.get("client_id")) == (alg, "at+jwt", client_id)
    return held and (said if isinstance(said, list) else [said]) == [*audience]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A measured operation: makes its requests, and checks and keeps its responses."""

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

# Played once before MACHINES: every user connects, and gets an access token for each resource.
CONNECTED = (
    Operation(name="authorise", title="authorise", send=Player.authorise, take=Player.take_codes),
    Operation(name="code", title="code exchange", send=Player.code, take=Player.take_api_tokens),
    Operation(name="server-token", title="refresh", send=Player.server_token, take=Player.take_server_tokens),
)
MACHINES = (
    Operation(
        name="client-credentials",
        title="client credentials",
        send=Player.client_credentials,
        take=Player.take_own_tokens,
    ),
    Operation(
        name="api-token",
        title="client credentials, for an API",
        send=Player.api_token,
        take=Player.take_own_api_tokens,
    ),
    Operation(name="introspect", title="introspection", send=Player.introspect, take=Player.take_active),
    Operation(name="exchange", title="token exchange", send=Player.exchange, take=Player.take_exchanged),
    Operation(name="userinfo", title="bearer at `/userinfo/`", send=Player.userinfo, take=Player.take_user),
    Operation(name="api", title="bearer at a guarded view", send=Player.api, take=Player.take_user),
)

# A token for an API, sent to the same view written with each kit.
APIS = (
    Operation(name="plain", title="a plain view", send=Player.api, take=Player.take_user),
    Operation(name="drf", title="Django REST framework", send=Player.drf, take=Player.take_user),
    Operation(name="ninja", title="django-ninja", send=Player.ninja, take=Player.take_user),
)
