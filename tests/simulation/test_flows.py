"""The other flows, played in this process against the real server, and against one that breaks one promise."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from pytest_django import Settings

from config.demo.cast import cast as cast_at
from config.server import settings as demo
from oauth_service.models import Consent, DeviceCode, Grant
from prescription_manager_app.management.commands import simulate
from simulation.flows import FLOWS
from simulation.markdown import markdown
from simulation.stage import Deviation, Stage
from simulation.steps import GUIDE
from simulation.transcript import Transcript

CAST = cast_at(server_url="http://localhost:8000", username="alice", password="wonderland")
SECRETS = [each.client_secret for each in (CAST.service, CAST.app, CAST.gateway, CAST.api_client)]
Spoil = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Site(httpx.BaseTransport):
    """
    The server's site.

    Args:
        spoil: may change or replace any response before it is returned.
    """

    def __init__(self, spoil: Spoil) -> None:
        self.spoil = spoil
        self.inner = httpx.WSGITransport(get_wsgi_application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # As in Django's test client: the database connection belongs to the test.
        request_started.disconnect(close_old_connections)
        request_finished.disconnect(close_old_connections)
        try:
            response = self.inner.handle_request(request)
            response.read()
            response.close()
        finally:
            request_started.connect(close_old_connections)
            request_finished.connect(close_old_connections)
        return self.spoil(request, response)


def kept(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    return response


@pytest.fixture(autouse=True)
def seeded(db: None, settings: Settings) -> None:
    """The setup of `make run`: the features that flows need are on, and the cast is registered."""
    settings.DEBUG = True
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = settings.OAUTH_SERVICE_INTROSPECTION = True
    settings.ROOT_URLCONF = demo.ROOT_URLCONF
    settings.OAUTH_SERVICE_SCOPES = {name: name for name in ("user", "profile", "openid", "email")}
    call_command("seed_demo", stdout=StringIO())


class Run:
    """Result of a play."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.waited: list[float] = []
        self.stage: Stage | None = None


def played(name: str, spoil: Spoil = kept) -> Run:
    flow, play = FLOWS[name]
    run = Run()
    transcript = Transcript(run.printed.append, flow=flow)
    with Stage(transcript, flow=flow, transport=Site(spoil), sleep=run.waited.append) as stage:
        run.stage = stage
        play(CAST, stage)
    return run


@pytest.mark.parametrize("name", FLOWS)
def test_every_step_is_played_and_every_promise_kept(name: str) -> None:
    """A step that is left out proves nothing."""
    run = played(name)
    text = "\n".join(run.printed)
    flow, _ = FLOWS[name]
    assert [step.title for step in flow.steps if f"\nSTEP {step.number}: {step.title}\n" not in text] == []
    assert text.count("  ok  ") >= 3 * len(flow.steps)
    assert "--- [REQUEST] ---\nPOST /token/ HTTP/1.1\nHost: localhost:8000\n" in text


@pytest.mark.parametrize("name", FLOWS)
def test_what_is_printed_is_masked(name: str) -> None:
    """Terminals are shared, recorded and scrolled back."""
    run = played(name)
    text = "\n".join(run.printed)
    assert run.stage is not None
    sent = " ".join(each.request_body + each.response_body for each in run.stage.exchanges)
    tokens = set(re.findall(r"(?:AT|RT|DC)_[\w.~-]{30,}", sent))
    assert tokens
    assert [each for each in (*SECRETS, "wonderland", *tokens) if each in text.replace("wonderland.example", "")] == []


@pytest.mark.parametrize("name", FLOWS)
def test_nothing_of_alice_is_left_after_the_play(name: str) -> None:
    """A simulation must not leave live tokens behind."""
    played(name)
    assert (Consent.objects.exists(), Grant.objects.exists(), DeviceCode.objects.filter(denied_at=None).exists()) == (
        False,
        False,
        False,
    )


@pytest.mark.parametrize("name", FLOWS)
def test_it_can_be_played_again(name: str) -> None:
    """A second run shows the same."""
    assert played(name).printed[0] == played(name).printed[0]


@pytest.mark.parametrize("name", FLOWS)
def test_the_run_can_be_taken_away(name: str) -> None:
    """The export has the flow's own name and steps, not the guide's."""
    run = played(name)
    assert run.stage is not None
    flow, _ = FLOWS[name]
    text = markdown(run.stage.exchanges, flow=flow)
    assert text.startswith(f"# {flow.title}, as it happened\n")
    assert [step.title for step in flow.steps if f"## Step {step.number}: {step.title}\n" not in text] == []
    assert GUIDE.title not in text


def test_a_device_waits_as_long_as_it_was_told() -> None:
    """Five seconds, and five more for each slow_down (RFC 8628 section 3.5)."""
    assert played("device").waited == [15]


def test_an_earlier_consent_is_withdrawn_so_that_the_consent_page_is_played() -> None:
    """The consent page names the service that may act for Alice, so the play must show it."""

    def stop_at_the_exchange(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        is_exchange = b"token-exchange" in request.content
        return httpx.Response(500) if is_exchange else response

    with pytest.raises(Deviation):
        played("token-exchange", stop_at_the_exchange)
    assert Consent.objects.exists()
    assert any("She disconnects it first" in each for each in played("token-exchange").printed)


# Broken promises, one at a time: the request, the change to its response, and the step that has to notice.


def when(sent: str, *, path: str = "/token/", status: int = 0, turn: int = 1) -> Callable[..., Spoil]:
    """Change the response to the n-th request to a path that has this text in its body or headers."""

    def changing(change: Callable[[httpx.Response], httpx.Response]) -> Spoil:
        seen = 0

        def spoil(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            nonlocal seen
            here = request.url.path == path and sent in request.content.decode() + str(request.headers)
            if here and status in {0, response.status_code}:
                seen += 1
                return change(response) if seen == turn else response
            return response

        return spoil

    return changing


def members(**changes: object) -> Callable[[httpx.Response], httpx.Response]:
    """Change members of a JSON response; None removes a member."""

    def change(response: httpx.Response) -> httpx.Response:
        changed = {**json.loads(response.content), **changes}
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        text = json.dumps({name: value for name, value in changed.items() if value is not None})
        return httpx.Response(response.status_code, headers=headers, content=text)

    return change


def succeeding(response: httpx.Response) -> httpx.Response:
    """Answer with success."""
    return httpx.Response(200, headers=response.headers, content=response.content)


def cached(response: httpx.Response) -> httpx.Response:
    """Leave out Cache-Control."""
    del response.headers["Cache-Control"]
    return response


def saying(old: str, new: str) -> Callable[[httpx.Response], httpx.Response]:
    """Replace text on a page."""
    return lambda response: httpx.Response(
        response.status_code,
        headers={name: value for name, value in response.headers.items() if name != "content-length"},
        content=response.text.replace(old, new),
    )


OWN, DEVICE, EXCHANGE = "client_credentials", "grant-type%3Adevice_code", "grant-type%3Atoken-exchange"
ASKS, BEGINS, PAGE = "/introspect/", "/device-authorization/", "/device/"

DEVIANT: dict[str, tuple[str, int, str, Spoil]] = {
    "a service gets a refresh token": ("client-credentials", 1, "exactly", when(OWN)(members(refresh_token="RT_1"))),
    "its token is cached": ("client-credentials", 1, "no-store", when(OWN)(cached)),
    "its token is of another kind": ("client-credentials", 1, "Bearer", when(OWN)(members(token_type="mac"))),
    "one API's token opens both": ("client-credentials", 2, "scope is", when(OWN, turn=2)(members(scope="a b"))),
    "a guessed secret is good": ("client-credentials", 3, "401", when(OWN, status=401)(succeeding)),
    "a public client gets a token": ("client-credentials", 3, "400", when(OWN, status=400)(succeeding)),
    "too much is refused by another name": (
        "client-credentials",
        3,
        "invalid_scope",
        when("everything")(members(error="invalid_request")),
    ),
    "a service is told about a person": ("client-credentials", 4, "403", when("", path="/userinfo/")(succeeding)),
    "a revoked token opens": ("client-credentials", 5, "401", when("", path="/userinfo/", turn=2)(succeeding)),
    "one revocation ends all": ("client-credentials", 5, "active", when("", path=ASKS)(members(active=False))),
    "the answer names no API": ("introspection", 2, "aud", when("", path=ASKS)(members(aud=None))),
    "the answer says too much": ("introspection", 2, "exactly", when("", path=ASKS)(members(email="a@b"))),
    "another API's token is told": ("introspection", 3, "exactly", when("", path=ASKS, turn=3)(members(scope="a"))),
    "an unknown token tells why": ("introspection", 3, "exactly", when("", path=ASKS, turn=4)(members(why="forged"))),
    "others are told": ("introspection", 3, "exactly", when("", path=ASKS, turn=5)(members(active=True))),
    "anybody may ask": ("introspection", 3, "401", when("", path=ASKS, status=401)(succeeding)),
    "a revoked token is active": ("introspection", 4, "exactly", when("", path=ASKS, turn=8)(members(active=True))),
    "a code that is easy to guess": ("device", 1, "consonants", when("", path=BEGINS)(members(user_code="1234"))),
    "the page is elsewhere": (
        "device",
        1,
        "verification_uri",
        when("", path=BEGINS)(members(verification_uri="https://evil.example/")),
    ),
    "anybody begins": ("device", 1, "400", when("", path=BEGINS, status=400)(succeeding)),
    "nobody waits": ("device", 2, "authorization_pending", when(DEVICE)(members(error="access_denied"))),
    "nobody is slowed down": ("device", 2, "slow_down", when(DEVICE, turn=2)(members(error="authorization_pending"))),
    "another device is told to wait": (
        "device",
        2,
        "invalid_grant",
        when(DEVICE, turn=3)(members(error="authorization_pending")),
    ),
    "a link decides": ("device", 3, "decided nothing", when(DEVICE, turn=5)(members(error="access_denied"))),
    "the code is not shown": ("device", 3, "shows the code", when("", path=PAGE, status=200)(saying("-", "_"))),
    "the app is not named": ("device", 4, "names", when("", path=PAGE, status=200, turn=2)(saying("Television", "TV"))),
    "a device gets no refresh token": ("device", 5, "exactly", when(DEVICE, status=200)(members(refresh_token=None))),
    "the refresh token is empty": (
        "device",
        5,
        "refresh_token begins",
        when("grant_type=refresh_token")(members(refresh_token="")),
    ),
    "a thief ends a connection": ("device", 6, "invalid_grant", when(DEVICE, turn=7)(members(error="invalid_request"))),
    "a code is good twice": ("device", 6, "400", when(DEVICE, turn=8)(succeeding)),
    "a replay ends nothing": ("device", 6, "401", when("", path="/userinfo/", status=401)(succeeding)),
    "a no is not heard": ("device", 7, "access_denied", when(DEVICE, turn=9)(members(error="expired_token"))),
    "who may act is not named": (
        "token-exchange",
        1,
        "names Demo Gateway",
        when("", path="/authorise/", status=200)(saying("Demo Gateway", "somebody")),
    ),
    "an exchange gives a refresh token": (
        "token-exchange",
        3,
        "exactly",
        when(EXCHANGE)(members(refresh_token="RT_1")),
    ),
    "an exchanged token can do all": ("token-exchange", 3, "scope is", when(EXCHANGE)(members(scope="a b"))),
    "it lives longer": ("token-exchange", 3, "no longer", when(EXCHANGE)(members(expires_in=99_999))),
    "it is not seen who acts": ("token-exchange", 4, "acts", when("", path=ASKS, turn=2)(members(act=None))),
    "it is somebody else's": ("token-exchange", 4, "sub", when("", path=ASKS, turn=2)(members(sub="other"))),
    "the gateway passes for Alice": ("token-exchange", 5, "400", when(EXCHANGE, status=400)(succeeding)),
    "it gets more scope": (
        "token-exchange",
        5,
        "invalid_scope",
        when(EXCHANGE, status=400, turn=3)(members(error="invalid_request")),
    ),
    "it gets another API": (
        "token-exchange",
        5,
        "invalid_target",
        when(EXCHANGE, status=400, turn=4)(members(error="invalid_request")),
    ),
    "its own token is a person's": ("token-exchange", 5, "400", when(EXCHANGE, status=400, turn=6)(succeeding)),
    "it outlives the connection": ("token-exchange", 6, "exactly", when("", path=ASKS, turn=3)(members(active=True))),
    "it is made after the end": ("token-exchange", 6, "400", when(EXCHANGE, status=400, turn=8)(succeeding)),
}


@pytest.mark.parametrize("broken", DEVIANT)
def test_a_broken_promise_is_found_in_its_step(broken: str) -> None:
    """A check that cannot fail checks nothing."""
    name, step, expected, spoil = DEVIANT[broken]
    with pytest.raises(Deviation) as caught:
        played(name, spoil)
    assert (caught.value.step, expected in caught.value.expected) == (step, True), str(caught.value)
    assert FLOWS[name][0].step(step).title in str(caught.value)


@pytest.mark.parametrize("name", FLOWS)
def test_every_step_but_what_only_gets_a_token_was_seen_to_fail(name: str) -> None:
    """Anyone who adds a step must add a broken promise for it."""
    seen = {step for flow, step, _, _ in DEVIANT.values() if flow == name}
    alike = {"token-exchange": {2}, "introspection": {1}, "device": {8}}  # broken in another flow or step
    assert {each.number for each in FLOWS[name][0].steps} - seen == alike.get(name, set())


# The command


def test_the_command_plays_what_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flow has its own summary; the guide's would be wrong for it."""
    monkeypatch.setattr(simulate, "Stage", lambda *args, **options: Stage(*args, **options, transport=Site(kept)))
    printed = StringIO()
    call_command(simulate.Command(), flow="introspection", server_url=CAST.server_url, stdout=printed, no_color=True)
    assert FLOWS["introspection"][0].outcome in printed.getvalue()
    assert GUIDE.outcome not in printed.getvalue()


def test_a_deviation_ends_the_command() -> None:
    """CommandError is a non-zero exit status, so that CI stops. No server listens there."""
    with pytest.raises(CommandError, match="Step 1, The Device Asks for a Code, deviates"):
        call_command(simulate.Command(), flow="device", server_url="http://127.0.0.1:9", stdout=StringIO())


@pytest.mark.parametrize("option", ["client_id", "client_secret", "redirect_uri"])
def test_what_only_the_nine_steps_know_is_refused(option: str) -> None:
    """Users would believe that an ignored option took effect."""
    with pytest.raises(CommandError, match="are for the flow code"):
        call_command(simulate.Command(), flow="device", stdout=StringIO(), **{option: "mine"})


def test_the_guide_is_what_is_played_by_default() -> None:
    """`make simulate` stays the nine steps."""
    parser = simulate.Command().create_parser("manage.py", "simulate")
    assert parser.parse_args([]).flow == GUIDE.name
    assert parser.parse_args(["--flow", "device"]).flow == "device"


def test_nobodys_secret_is_in_a_repr() -> None:
    """Reprs end up in tracebacks."""
    text = repr(CAST) + repr(replace(CAST, server_url="http://localhost"))
    assert [each for each in (*SECRETS, CAST.password) if f"'{each}'" in text] == []
