"""The play sends the guide's messages to a server that follows the guide."""

import json
from dataclasses import replace

import httpx

from simulation.exchange import Exchange
from simulation.play import play
from simulation.script import Script
from simulation.stage import Stage
from tests.simulation.guide_server import APP_URL, CSRF, PASSWORD, REQUEST, SECRET, URL, GuideServer, Handler

SCRIPT = Script(
    server_url=URL,
    client_url=APP_URL,
    client_id=REQUEST["client_id"],
    client_secret=SECRET,
    redirect_uri=REQUEST["redirect_uri"],
    username="alice",
    password=PASSWORD,
)


class Notes:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.promises: list[str] = []

    def told(self, step: int, sentence: str) -> None:
        self.steps.append(step)

    def saw(self, exchange: Exchange) -> None:
        self.steps += [exchange.step, exchange.response_step]

    def held(self, step: int, sentence: str) -> None:
        self.promises.append(sentence)


def played_on(server: Handler, script: Script = SCRIPT) -> tuple[Notes, Stage]:
    notes = Notes()
    with Stage(notes, transport=httpx.MockTransport(server)) as stage:
        play(script, stage)
    return notes, stage


def test_all_nine_steps_are_played() -> None:
    """A step that is left out proves nothing."""
    notes, stage = played_on(GuideServer())
    assert set(range(1, 10)) == set(notes.steps)
    assert len(stage.exchanges) > 20
    assert len(notes.promises) > 100


def test_the_authorization_request_is_the_guides_to_the_letter() -> None:
    """Step 1 of the guide, byte for byte: %20 in the scope, not the + of form encoding."""
    server = GuideServer()
    played_on(server)
    target = next(request.url.raw_path for request in server.requests if request.url.path == "/authorise/")
    assert target.decode() == (
        "/authorise/?response_type=code&client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback"
        "&scope=user%20profile&state=xyzABC123"
    )


def test_the_consent_is_the_guides_and_what_a_browser_adds() -> None:
    """Step 2 of the guide. The only field after its four is the page's CSRF token."""
    server = GuideServer()
    played_on(server)
    body = next(
        request.content for request in server.requests if (request.method, request.url.path) == ("POST", "/authorise/")
    )
    assert body.decode() == (
        "client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback"
        f"&scope=user%20profile&state=xyzABC123&csrfmiddlewaretoken={CSRF}"
    )


def test_the_code_exchange_is_the_guides_json() -> None:
    """Step 4 of the guide, with its members in its order."""
    server = GuideServer()
    _, stage = played_on(server)
    body = next(exchange.request_body for exchange in stage.exchanges if exchange.step == 4)
    members = json.loads(body)
    assert body == json.dumps(members, indent=4)
    assert list(members) == ["grant_type", "code", "redirect_uri", "client_id", "client_secret"]


def test_the_browser_never_opens_the_redirect_uri() -> None:
    """The play stands in for the app's backend: the real app would use up a code that is delivered to it."""
    server = GuideServer()
    played_on(server)
    opened = [request.url.path for request in server.requests if request.url.port == 5000]
    assert opened == ["/", "/connect/"]


def test_the_app_is_left_out_of_a_play_on_another_deployment() -> None:
    """Another deployment may have no client application beside it."""
    server = GuideServer()
    played_on(server, replace(SCRIPT, client_url=""))
    assert all(request.url.port == 8000 for request in server.requests)


def test_an_earlier_consent_is_withdrawn_so_that_the_consent_page_is_played() -> None:
    """Users who connected the app before should still see all nine steps."""
    server = GuideServer()
    server.consent = True
    played_on(server)
    posted = [request.url.path for request in server.requests if request.method == "POST"]
    assert posted[:5] == ["/connect/", "/login/", "/oauth/deauthorise/", "/authorise/", "/token/"]


def test_nothing_is_left_after_the_play() -> None:
    """The play ends with deauthorisation; a simulation must not leave live tokens behind."""
    server = GuideServer()
    played_on(server)
    assert (False, set(), {}) == (server.consent, server.codes, server.grants)


def test_a_script_shows_no_secret() -> None:
    """Reprs end up in tracebacks."""
    assert SECRET not in repr(SCRIPT)
    assert PASSWORD not in repr(SCRIPT)
