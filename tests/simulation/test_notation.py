"""Exchanges are written in the guide's notation: its own blocks, verbatim, are the expected text."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulation.exchange import BACKEND, BROWSER, SERVER, Exchange
from simulation.notation import request_text, response_text
from tests.messages import (
    STEP_1,
    STEP_2,
    STEP_3,
    STEP_4,
    STEP_5,
    STEP_6,
    STEP_7,
    STEP_9_DEAUTHORISATION,
    STEP_9_REVOCATION,
)

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON = (("Content-Type", "application/json"),)

ALICE = Exchange(
    step=1,
    title="The User Initiates Authorization",
    sender=BROWSER,
    receiver=SERVER,
    method="GET",
    url="http://localhost:8000/authorise/?response_type=code&client_id=presc_man_123"
    "&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback&scope=user%20profile&state=xyzABC123",
    request_headers=(("Host", "localhost:8000"), ("User-Agent", "a browser")),
    request_body="",
    status=200,
    reason="OK",
    response_headers=(("Content-Type", "text/html; charset=utf-8"), ("Date", "today")),
    response_body="<html><title>\n  Allow &amp; go on?\n</title></html>",
    started_at=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    elapsed=timedelta(milliseconds=12),
)
APP = replace(ALICE, sender=BACKEND, method="POST", request_headers=JSON, response_headers=JSON)


def sent(exchange: Exchange, path: str, *, headers: tuple[tuple[str, str], ...], body: str = "") -> Exchange:
    return replace(exchange, url=f"http://localhost:8000{path}", request_headers=headers, request_body=body)


@pytest.mark.parametrize(
    ("verbatim", "exchange"),
    [
        (STEP_1, ALICE),
        (
            STEP_2,
            sent(
                replace(ALICE, method="POST"),
                "/authorise/",
                headers=FORM,
                body="client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback"
                "&scope=user%20profile&state=xyzABC123",
            ),
        ),
        (
            STEP_4,
            sent(
                APP,
                "/token/",
                headers=JSON,
                body='{"grant_type": "authorization_code", "code": "SPL__a-Random-UrlSafe-String-1234", "redirect_uri":'
                '"http://127.0.0.1:5000/callback", "client_id":"presc_man_123", "client_secret":"ITS_A_VERY_SECRET_KEY"}',
            ),
        ),
        (
            STEP_6,
            sent(
                replace(APP, method="GET"),
                "/userinfo/",
                headers=(("authorization", "Bearer AT_ANOTHER_RANDOM_SECURE_TOKEN_STRING"), ("accept", "*/*")),
            ),
        ),
        (
            STEP_7,
            sent(
                APP,
                "/token/",
                headers=JSON,
                body='{"grant_type":"refresh_token","refresh_token":"RT_A_DIFFERENT_RANDOM_SECURE_TOKEN_STRING",'
                '"client_id":"presc_man_123","client_secret":"ITS_A_VERY_SECRET_KEY"}',
            ),
        ),
        (
            STEP_9_REVOCATION,
            sent(
                APP,
                "/oauth/revoke/",
                headers=JSON,
                body='{"token":"AT_THE_CURRENT_ACTIVE_ACCESS_TOKEN",'
                '"client_id":"presc_man_123","client_secret":"ITS_A_VERY_SECRET_KEY"}',
            ),
        ),
        (
            STEP_9_DEAUTHORISATION,
            sent(
                replace(ALICE, method="POST"),
                "/oauth/deauthorise/",
                headers=(*FORM, ("Cookie", "sessionid=...")),
                body="client_id=presc_man_123",
            ),
        ),
    ],
    ids=["1", "2", "4", "6", "7", "9 revocation", "9 deauthorisation"],
)
def test_a_request_is_written_as_in_the_guide(verbatim: str, exchange: Exchange) -> None:
    """Readers of the guide find its messages again, character by character."""
    assert request_text(exchange) == verbatim


def test_a_redirect_is_written_as_in_the_guide() -> None:
    """Step 3. The arrow is reversed, because now the server speaks."""
    location = "http://127.0.0.1:5000/callback?code=SPL__a-Random-UrlSafe-String-1234&state=xyzABC123"
    exchange = replace(ALICE, status=302, reason="Found", response_headers=(("location", location),), response_body="")
    assert response_text(exchange) == STEP_3


def test_tokens_are_written_as_in_the_guide() -> None:
    """Step 5. JSON is indented, however it was sent."""
    body = (
        '{"access_token":"AT_ANOTHER_RANDOM_SECURE_TOKEN_STRING","token_type":"Bearer","expires_in":3600,'
        '"refresh_token":"RT_A_DIFFERENT_RANDOM_SECURE_TOKEN_STRING","scope":"user profile"}'
    )
    assert response_text(replace(APP, response_body=body)) == STEP_5


def test_a_page_is_written_as_its_title() -> None:
    """A consent page in full would bury the messages that the lifecycle is about."""
    assert "(a page of 50 characters: Allow & go on?)" in response_text(ALICE)


def test_what_claims_to_be_json_and_is_not_is_shown_as_it_came() -> None:
    """Debugging needs the text itself."""
    assert "\n\n{oops\n---" in response_text(replace(APP, response_body="{oops"))


def test_a_response_that_nobody_saw_is_said_to_be_one() -> None:
    """The app redirects the browser in step 1 and never sees the response."""
    assert "(no response was seen)" in response_text(replace(ALICE, status=0, reason="", response_headers=()))


def test_a_challenge_keeps_the_spelling_of_its_standard() -> None:
    """Some libraries send header names in lower case, and title() would make Www-Authenticate of WWW-Authenticate."""
    exchange = replace(APP, status=401, response_headers=(("www-authenticate", "Bearer"),))
    assert "\nWWW-Authenticate: Bearer\n" in response_text(exchange)
