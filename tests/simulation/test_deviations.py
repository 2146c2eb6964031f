"""The play stops at the first message that breaks a promise and names its step; each test breaks one promise."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import httpx
import pytest

from simulation.script import Script
from simulation.stage import Deviation
from tests.simulation import guide_server
from tests.simulation.guide_server import GuideServer, Handler, Spoil
from tests.simulation.test_play import SCRIPT, played_on


def deviation_of(server: Handler, script: Script = SCRIPT) -> Deviation:
    with pytest.raises(Deviation) as caught:
        played_on(server, script)
    return caught.value


def spoiled(method: str, path: str, change: Callable[[httpx.Response], httpx.Response], *, status: int = 0) -> Spoil:
    """Change every response to a method and path, or only those with a status."""

    def spoil(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        here = (method, path) == (request.method, request.url.path) and status in {0, response.status_code}
        return change(response) if here else response

    return spoil


def without(header: str) -> Callable[[httpx.Response], httpx.Response]:
    def change(response: httpx.Response) -> httpx.Response:
        del response.headers[header]
        return response

    return change


def with_header(name: str, old: str, new: str) -> Callable[[httpx.Response], httpx.Response]:
    def change(response: httpx.Response) -> httpx.Response:
        response.headers[name] = response.headers[name].replace(old, new)
        return response

    return change


def with_status(status: int) -> Callable[[httpx.Response], httpx.Response]:
    return lambda response: httpx.Response(status, headers=response.headers, content=response.content)


def with_body(body: str) -> Callable[[httpx.Response], httpx.Response]:
    def change(response: httpx.Response) -> httpx.Response:
        headers = [(name, value) for name, value in response.headers.items() if name != "content-length"]
        return httpx.Response(response.status_code, headers=headers, content=body)

    return change


def with_text(old: str, new: str) -> Callable[[httpx.Response], httpx.Response]:
    return lambda response: with_body(response.text.replace(old, new))(response)


def with_members(**changes: object) -> Callable[[httpx.Response], httpx.Response]:
    """Change members of a JSON response; None removes a member."""

    def change(response: httpx.Response) -> httpx.Response:
        members = {**json.loads(response.content), **changes}
        return with_body(json.dumps({name: value for name, value in members.items() if value is not None}))(response)

    return change


def with_redirect(location: str) -> Callable[[httpx.Response], httpx.Response]:
    return lambda response: guide_server.redirect(location)


CALLBACK = "http://127.0.0.1:5000/callback"
NO_CODE = f"{CALLBACK}?code=&state=xyzABC123&iss=http%3A%2F%2Flocalhost%3A8000"

app = partial(spoiled, "GET", "/")
connecting = partial(spoiled, "POST", "/connect/")
asking = partial(spoiled, "GET", "/authorise/")
consent_page = partial(spoiled, "GET", "/authorise/", status=200)
sign_in_page = partial(spoiled, "GET", "/login/")
signed_in = partial(spoiled, "POST", "/login/", status=302)
allowed = partial(spoiled, "POST", "/authorise/")
tokens = partial(spoiled, "POST", "/token/", status=200)
refused_grant = partial(spoiled, "POST", "/token/", status=400)
user_data = partial(spoiled, "GET", "/userinfo/", status=200)
refused_access = partial(spoiled, "GET", "/userinfo/", status=401)
revoked = partial(spoiled, "POST", "/oauth/revoke/")
apps_page = partial(spoiled, "GET", "/manage-apps/")
deauthorised = partial(spoiled, "POST", "/oauth/deauthorise/")

DEVIANT_MESSAGES: dict[str, tuple[int, str, Spoil]] = {
    "the app is down": (1, "200 OK", app(with_status(503))),
    "no way to connect": (1, "Connect to OAuth Service", app(with_text("Connect", "Start"))),
    "the app asks another server": (1, "Location: ", connecting(with_header("Location", "localhost", "127.0.0.1"))),
    "the app asks for a token": (1, "response_type=code", connecting(with_header("Location", "=code", "=token"))),
    "the app asks for more": (1, "scope=user profile", connecting(with_header("Location", "profile", "everything"))),
    "the app sends no state": (1, "a state", connecting(with_header("Location", "state=", "status="))),
    "the app uses no PKCE": (1, "code_challenge_method=S256", connecting(with_header("Location", "S256", "plain"))),
    "a code without signing in": (1, "no one is signed in", asking(with_redirect(f"{CALLBACK}?code=x"))),
    "the request is refused": (1, "no one is signed in", asking(with_status(400))),
    "no sign-in form": (2, "sign-in form", sign_in_page(with_text('type="password"', ""))),
    "redirects without end": (2, "at most 5 redirects", sign_in_page(with_redirect("/login/?next=/"))),
    "another request after it": (
        2,
        "the same authorization request",
        signed_in(with_header("Location", "xyzABC", "x")),
    ),
    "no Allow": (2, "button Allow", consent_page(with_text("Allow</button>", "Proceed</button>"))),
    "no Deny": (2, "button Deny", consent_page(with_text("Deny", "Later"))),
    "a consent form with another state": (2, "keeps state=", consent_page(with_text("xyzABC123", "other"))),
    "a consent form with more scope": (2, "keeps scope=", consent_page(with_text("user profile", "user profile all"))),
    "303 to the app": (3, "302 Found", allowed(with_status(303))),
    "another redirect_uri": (3, "Location: ", allowed(with_header("Location", "/callback", "/elsewhere"))),
    "another state": (3, "state is xyzABC123", allowed(with_header("Location", "xyzABC123", "other"))),
    "no iss": (3, "code, state and iss", allowed(with_header("Location", "iss=", "issuer="))),
    "another iss": (3, "iss is", allowed(with_header("Location", "iss=http", "iss=https"))),
    "no code": (3, "not empty", allowed(with_redirect(NO_CODE))),
    "a token in the redirect": (
        3,
        "code, state and iss",
        allowed(with_header("Location", "iss=", "access_token=x&iss=")),
    ),
    "201 with tokens": (5, "200 OK", tokens(with_status(201))),
    "tokens that may be cached": (5, "no-store", tokens(with_header("Cache-Control", "no-store", "private"))),
    "tokens without Cache-Control": (5, "no-store", tokens(without("Cache-Control"))),
    "tokens as text": (5, "application/json", tokens(with_header("Content-Type", "application/json", "text/plain"))),
    "no JSON": (5, "a JSON object", tokens(with_body("access_token=x"))),
    "a JSON list": (5, "a JSON object", tokens(with_body("[]"))),
    "one member more": (5, "exactly", tokens(with_members(id_token="x"))),
    "one member less": (5, "exactly", tokens(with_members(scope=None))),
    "an access token without its prefix": (5, "begins with AT_", tokens(with_members(access_token="x" * 40))),
    "an empty access token": (5, "begins with AT_", tokens(with_members(access_token="AT_"))),
    "a number for a refresh token": (5, "begins with RT_", tokens(with_members(refresh_token=7))),
    "a token type in small letters": (5, "token_type", tokens(with_members(token_type="bearer"))),
    "a lifetime as text": (5, "expires_in", tokens(with_members(expires_in="3600"))),
    "a lifetime with a fraction": (5, "expires_in", tokens(with_members(expires_in=3600.0))),
    "another lifetime": (5, "expires_in", tokens(with_members(expires_in=3599))),
    "less scope": (5, "scope is", tokens(with_members(scope="user"))),
    "no user data": (6, "200 OK", user_data(with_status(204))),
    "no email": (6, "are strings", user_data(with_members(email=None))),
    "an empty sub": (6, "sub is not empty", user_data(with_members(sub=""))),
    "a number for sub": (6, "are strings", user_data(with_members(sub=1))),
    "a date for updated_at": (6, "updated_at", user_data(with_members(updated_at="2026-01-01"))),
    "true for updated_at": (6, "updated_at", user_data(with_members(updated_at=True))),
    "somebody else's data": (6, "username is alice", user_data(with_members(username="bob"))),
    "403 without a token": (6, "401", refused_access(with_status(403))),
    "no challenge": (6, "WWW-Authenticate", refused_access(without("WWW-Authenticate"))),
    "another challenge": (6, "WWW-Authenticate", refused_access(with_header("WWW-Authenticate", "Bearer", "Basic"))),
    "no error in the challenge": (
        9,
        "invalid_token",
        refused_access(with_header("WWW-Authenticate", ", error=", ", e=")),
    ),
    "no list of apps": (8, "200 OK", apps_page(with_status(404))),
    "204 after revocation": (9, "200 OK", revoked(with_status(204))),
    "a body after revocation": (9, "an empty body", revoked(with_body("{}"))),
    "401 for a dead refresh token": (9, "400 Bad Request", refused_grant(with_status(401))),
    "another error for it": (9, "invalid_grant", refused_grant(with_members(error="invalid_request"))),
    "refusals that may be cached": (9, "no-store", refused_grant(without("Cache-Control"))),
    "no way to revoke": (9, "/oauth/deauthorise/", apps_page(with_text("/oauth/deauthorise/", "/elsewhere/"))),
    "another app's way to revoke": (9, "/oauth/deauthorise/", apps_page(with_text("presc_man_123", "another"))),
    "deauthorisation leads elsewhere": (9, "Location: ", deauthorised(with_header("Location", "manage-apps", "login"))),
}


@pytest.mark.parametrize(("step", "expected", "spoil"), DEVIANT_MESSAGES.values(), ids=DEVIANT_MESSAGES)
def test_a_message_that_deviates_is_found_in_its_step(step: int, expected: str, spoil: Spoil) -> None:
    """Each promise of the contract is really checked, and the report says in which step it was broken."""
    deviation = deviation_of(GuideServer(spoil))
    assert (deviation.step, expected in deviation.expected) == (step, True), str(deviation)


# Servers whose messages look right but that do the wrong thing.


class KeepsRefreshToken(GuideServer):
    def renew(self, refresh_token: str) -> httpx.Response:
        return self.tokens(self.grants.pop(refresh_token), refresh_token)


class RenewsOnce(GuideServer):
    renewed = 0

    def renew(self, refresh_token: str) -> httpx.Response:
        self.renewed += 1
        return super().renew(refresh_token) if self.renewed < 2 else guide_server.invalid_grant()


class RevokesNothing(GuideServer):
    def revoke(self, token: str) -> None: ...


class RevokesTooMuch(GuideServer):
    def revoke(self, token: str) -> None:
        self.grants.clear()


class LeavesAccessTokens(GuideServer):
    """Revoking a refresh token leaves its access tokens alive."""

    def revoke(self, token: str) -> None:
        if token in self.grants:
            self.grants["nobody has this one"] = self.grants.pop(token)
        super().revoke(token)


class KeepsCodes(GuideServer):
    """A code can be used twice."""

    def post_token(self, request: httpx.Request) -> httpx.Response:
        answer = super().post_token(request)
        self.codes.update(filter(None, [json.loads(request.content).get("code")]))
        return answer


class ForgetsOnlyConsent(GuideServer):
    def forget(self) -> None:
        self.consent = False


class ForgetsAllButCodes(GuideServer):
    def forget(self) -> None:
        self.consent = False
        self.grants.clear()


class ForgetsAllButConsent(GuideServer):
    def forget(self) -> None:
        self.codes.clear()
        self.grants.clear()


class ForgetsTheListOnly(GuideServer):
    """The app vanishes from the list, but Alice is not asked again."""

    listed = True

    def forget(self) -> None:
        super().forget()
        self.consent, self.listed = True, False

    def get_manage_apps(self, request: httpx.Request) -> httpx.Response:
        return super().get_manage_apps(request) if self.listed else guide_server.page("Manage Connected Apps", "")


@pytest.mark.parametrize(
    ("server", "step", "expected"),
    [
        (KeepsRefreshToken, 7, "a new refresh token"),
        (RenewsOnce, 9, "200 OK"),
        (RevokesNothing, 9, "401 Unauthorized"),
        (RevokesTooMuch, 9, "200 OK"),
        (LeavesAccessTokens, 9, "401 Unauthorized"),
        (KeepsCodes, 9, "400 Bad Request"),
        (ForgetsOnlyConsent, 9, "401 Unauthorized"),
        (ForgetsAllButCodes, 9, "400 Bad Request"),
        (ForgetsAllButConsent, 9, "the app is no longer listed"),
        (ForgetsTheListOnly, 9, "the consent page: Alice would be asked again"),
    ],
)
def test_a_server_that_does_the_wrong_thing_is_found_out(server: type[GuideServer], step: int, expected: str) -> None:
    """A play that only compares messages would believe a server that answers 200 and revokes nothing."""
    deviation = deviation_of(server())
    assert (step, expected) == (deviation.step, deviation.expected)


def test_a_wrong_password_is_said_to_be_one() -> None:
    """A wrong password is the most common mistake when the play is run against another deployment."""
    deviation = deviation_of(GuideServer(), replace(SCRIPT, password="not-hers"))
    assert (deviation.step, deviation.expected) == (2, "302 Found: signed in")


def test_a_refusal_carries_the_servers_own_words() -> None:
    """The status 400 alone would send its reader to the server's log."""
    deviation = deviation_of(GuideServer(tokens(lambda _: guide_server.invalid_grant())))
    assert (deviation.step, deviation.actual) == (5, "400 Bad Request (invalid_grant: code or token is not valid)")


def test_a_server_that_is_not_there_is_a_deviation() -> None:
    """A network failure ends the play with a step and a sentence, not with a traceback."""

    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    deviation = deviation_of(nobody)
    assert (deviation.step, deviation.actual) == (1, "ConnectError: connection refused")


def test_a_deviation_shows_no_secret() -> None:
    """Reports are pasted into issues."""
    token = "Xq81-a-token-with-the-wrong-prefix-93Zk"
    deviation = deviation_of(GuideServer(tokens(with_members(access_token=token))))
    assert token not in str(deviation)


def test_claims_beyond_the_contract_are_welcome() -> None:
    """A host project may add claims of its own."""
    notes, _ = played_on(GuideServer(user_data(with_members(locale="en"))))
    assert 9 in notes.steps
