"""Steps 8 A and 9: the access is revoked, and the session ends in any case."""

import pytest
from django.test import Client
from pytest_django import Settings

from prescription_manager_app.models import Connection
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import Answer


def log_out(browser: Browser) -> str:
    return browser.press("/logout/").text


def test_both_tokens_are_revoked_with_the_json_of_step_9(alice: Browser) -> None:
    tokens = Connection.objects.get().tokens
    log_out(alice)
    assert [(heard.content_type, heard.json) for heard in alice.server.sent_to("/oauth/revoke/")] == [
        (
            "application/json",
            {"token": token, "client_id": "presc_man_123", "client_secret": "ITS_A_VERY_SECRET_KEY"},
        )
        for token in (tokens.access_token, tokens.refresh_token)
    ]
    assert alice.server.grants == {}


def test_the_session_ends_and_its_key_with_it(alice: Browser) -> None:
    old_key = alice.client.cookies["prescriptions_sessionid"].value
    assert "You are signed out" in log_out(alice)
    assert Connection.objects.count() == 0
    alice.client.cookies["prescriptions_sessionid"] = old_key
    assert "Connect to OAuth Service" in alice.home().text, "the old cookie opens nothing"


@pytest.mark.parametrize("answer", [Answer(503), Answer(401, {"error": "invalid_client"}), Answer(302)])
def test_a_server_that_does_not_confirm_is_told_honestly(alice: Browser, answer: Answer) -> None:
    alice.server.faults["/oauth/revoke/"] = lambda: answer
    content = log_out(alice)
    assert "You are signed out here" in content
    assert f'href="{alice.server.issuer}/manage-apps/"' in content
    assert Connection.objects.count() == 0
    assert "Connect to OAuth Service" in alice.home().text


def test_a_server_that_is_down_keeps_nobody_signed_in(alice: Browser, settings: Settings) -> None:
    settings.OAUTH_SERVER_URL = "http://127.0.0.1:9"
    assert "could not reach" in log_out(alice)
    assert Connection.objects.count() == 0


def test_logging_out_takes_our_own_page(alice: Browser) -> None:
    """A link or another site's form must not log her out."""
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = alice.client.cookies
    assert (strict.get("/logout/").status_code, strict.post("/logout/").status_code) == (405, 403)
    assert Connection.objects.count() == 1


def test_logging_out_twice_is_harmless(alice: Browser) -> None:
    log_out(alice)
    assert "You are signed out" in log_out(alice)


def test_connecting_again_finds_the_same_list(alice: Browser) -> None:
    filled_in = {"medicine": "Iron", "dose": "20 mg", "schedule": "Daily", "refills_left": 1, "prescriber": "Dr Lund"}
    alice.client.post("/prescriptions/add/", filled_in)
    log_out(alice)
    assert "Iron" in alice.connect().text
