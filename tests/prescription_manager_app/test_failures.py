"""Alice gets an explanation and a next step however the server fails, and no secret is shown or logged."""

import logging
import time

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescription_manager_app import oauth
from prescription_manager_app.models import Connection
from prescription_manager_app.outcomes import Outcome
from prescription_manager_app.redaction import CallbackQueryFilter
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import Answer

GOOD = {"access_token": "AT_x", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "RT_x"}

TOKEN_ANSWERS = [
    (Answer(500, "<h1>Server Error</h1>"), Outcome.SERVER_ERROR),
    (Answer(503, {"error": "temporarily_unavailable"}), Outcome.SERVER_ERROR),
    (Answer(429, "slow down"), Outcome.SERVER_ERROR),
    (Answer(401, {"error": "invalid_client"}), Outcome.CLIENT_REFUSED),
    (Answer(400, {"error": "invalid_grant"}), Outcome.CODE_REFUSED),
    (Answer(400, {"error": "unsupported_grant_type"}), Outcome.REQUEST_REFUSED),
    (Answer(400, {"error": ["a", "list"]}), Outcome.REQUEST_REFUSED),
    (Answer(404, "not found"), Outcome.MALFORMED_ANSWER),
    (Answer(302, "", {"Location": "http://127.0.0.1:9/"}), Outcome.MALFORMED_ANSWER),
    (Answer(307, "", {"Location": "http://127.0.0.1:9/"}), Outcome.MALFORMED_ANSWER),
    (Answer(200, "this is not JSON"), Outcome.MALFORMED_ANSWER),
    (Answer(200, "[]"), Outcome.MALFORMED_ANSWER),
    (Answer(200, "{}"), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"access_token": ""}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"access_token": 7}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"access_token": "AT_\r\nX-Injected: 1"}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"token_type": "mac"}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"token_type": None}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"expires_in": "soon"}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"expires_in": [1]}), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"expires_in": -1}), Outcome.MALFORMED_ANSWER),
    (Answer(200, '{"access_token": "AT_x", "token_type": "Bearer", "expires_in": Infinity}'), Outcome.MALFORMED_ANSWER),
    (Answer(200, GOOD | {"refresh_token": 7}), Outcome.MALFORMED_ANSWER),
]

USERINFO_ANSWERS = [
    (Answer(500, "<h1>Server Error</h1>"), Outcome.SERVER_ERROR),
    (Answer(403, {"error": "insufficient_scope"}), Outcome.REQUEST_REFUSED),
    (Answer(200, "<title>Welcome to the hotel's network</title>"), Outcome.MALFORMED_ANSWER),
    (Answer(200, "[]"), Outcome.MALFORMED_ANSWER),
    (Answer(200, {"name": "Alice"}), Outcome.MALFORMED_ANSWER),
    (Answer(200, {"sub": ""}), Outcome.MALFORMED_ANSWER),
    (Answer(200, {"sub": 1}), Outcome.MALFORMED_ANSWER),
    (Answer(200, {"sub": "a" * 256}), Outcome.MALFORMED_ANSWER),
    (Answer(200, {"sub": "a\0b"}), Outcome.MALFORMED_ANSWER),
    (Answer(200, {"sub": "somebody-else", "name": "Mallory"}), Outcome.MALFORMED_ANSWER),
]


@pytest.mark.parametrize(("answer", "outcome"), TOKEN_ANSWERS)
def test_whatever_the_token_endpoint_answers(browser: Browser, answer: Answer, outcome: Outcome) -> None:
    browser.server.faults["/token/"] = lambda: answer
    response = browser.connect()
    assert response.redirects[-1] == f"/outcome/{outcome.slug}/"
    assert response.status_code == outcome.value.status
    assert (Connection.objects.count(), "connection" in browser.client.session) == (0, False)


@pytest.mark.parametrize(("answer", "outcome"), USERINFO_ANSWERS)
def test_whatever_userinfo_answers(alice: Browser, answer: Answer, outcome: Outcome) -> None:
    alice.server.faults["/userinfo/"] = lambda: answer
    response = alice.home()
    assert response.status_code == outcome.value.status
    assert outcome.value.title in response.text
    alice.server.faults.clear()
    assert "Connected as Alice" in alice.home().text, "the connection outlives the trouble"


def test_a_server_that_is_down(alice: Browser, settings: Settings) -> None:
    settings.OAUTH_SERVER_URL = "http://127.0.0.1:9"
    response = alice.home()
    assert response.status_code == 503
    assert "We cannot reach the sign-in service" in response.text
    assert '<a class="button primary" href="/">Try again</a>' in response.text


def test_a_server_that_goes_down_before_she_is_connected(browser: Browser) -> None:
    """Trying again means connecting again: the page has used up its response."""
    query = browser.server.allow(browser.depart())
    browser.server.faults["/token/"] = lambda: Answer(503)
    page = browser.come_back(query)
    assert page.redirects == ["/outcome/server_error/"]
    assert "Connect to OAuth Service" in page.text
    assert "Try again" not in page.text


def test_a_server_that_goes_down_before_a_form_is_sent(alice: Browser, settings: Settings) -> None:
    settings.OAUTH_SERVER_URL = "http://127.0.0.1:9"
    page = alice.press("/prescriptions/1/stop/")
    assert page.status_code == 503
    assert "Go to the start page" in page.text
    assert "Try again" not in page.text


def test_a_server_that_does_not_answer(alice: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep() -> Answer:
        time.sleep(0.5)
        return Answer(200)

    monkeypatch.setattr(oauth, "TIMEOUT_SECONDS", (0.2, 0.2))
    alice.server.faults["/userinfo/"] = sleep
    response = alice.home()
    assert response.status_code == 504
    assert "takes too long" in response.text


def test_tokens_that_cannot_be_unsealed_ask_to_connect_again(alice: Browser, settings: Settings) -> None:
    """SECRET_KEY was replaced without keeping the old one among the fallbacks."""
    Connection.objects.update(sealed_tokens=b"damaged")
    assert "Your connection was ended" in alice.home().text
    assert Connection.objects.count() == 0


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_page_with_a_way_on(browser: Browser, outcome: Outcome) -> None:
    response = browser.client.get(f"/outcome/{outcome.slug}/")
    assert response.status_code == outcome.value.status
    assert "Go to the start page" in response.content.decode()


def test_the_only_way_on_looks_like_one(browser: Browser) -> None:
    """The link to the start page is subdued beside another link, but not when it is alone."""
    beside, alone = (
        browser.client.get(f"/outcome/{outcome.slug}/").content.decode()
        for outcome in (Outcome.ACCESS_DENIED, Outcome.CLIENT_REFUSED)
    )
    assert [page.count('class="button quiet"') for page in (beside, alone)] == [1, 0]


def test_an_outcome_that_is_none_is_not_found(browser: Browser) -> None:
    assert browser.client.get("/outcome/you-have-won/").status_code == 404


@pytest.mark.parametrize("path", ["/token/", "/userinfo/", "/oauth/revoke/"])
@pytest.mark.parametrize("answer", [Answer(500), Answer(400, {"error": "invalid_grant"}), Answer(200, "nonsense")])
def test_no_secret_reaches_a_log_or_a_page(
    alice: Browser, caplog: pytest.LogCaptureFixture, path: str, answer: Answer
) -> None:
    """
    Every request to the server is sent, and the one in question fails, with every logger at its most verbose level.
    """
    caplog.set_level(logging.DEBUG)
    tokens = Connection.objects.get().tokens
    newcomer = Browser(Client(), alice.server)
    query = alice.server.allow(newcomer.depart())
    alice.server.faults[path] = lambda: answer
    Connection.objects.update(expires_at=timezone.now())
    pages = [newcomer.come_back(query), alice.home(), alice.press("/logout/")]
    told = caplog.text + "".join(page.text for page in pages)
    assert "POST" in caplog.text
    for secret in (
        tokens.access_token,
        tokens.refresh_token,
        "ITS_A_VERY_SECRET_KEY",
        alice.server.parameters(f"?{query}")["code"],
    ):
        assert secret not in told


def test_the_development_servers_log_line_leaves_out_the_code(settings: Settings) -> None:
    record = logging.LogRecord("django.server", logging.INFO, "", 0, '"%s" %s %s', (), None)
    record.args = ("GET /callback?code=SPL__secret&state=abc HTTP/1.1", "302", "0")
    (name,) = settings.LOGGING["loggers"]["django.server"]["filters"]
    path: str = settings.LOGGING["filters"][name]["()"]
    assert path == "prescription_manager_app.redaction.CallbackQueryFilter"
    CallbackQueryFilter().filter(record)
    assert record.getMessage() == '"GET /callback?... HTTP/1.1" 302 0'
