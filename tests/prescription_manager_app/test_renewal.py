"""Step 7: tokens are renewed in time or after a 401, and only once if two requests race."""

from datetime import timedelta

import pytest
from django.utils import timezone

from prescription_manager_app import renewal
from prescription_manager_app.conf import registration
from prescription_manager_app.models import Connection
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.outcomes import FailedError, Outcome
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import Answer
from tests.prescription_manager_app.threads import at_once, in_tabs


def refreshes(browser: Browser) -> list[dict[str, str]]:
    sent = [heard.json for heard in browser.server.sent_to("/token/")]
    return [members for members in sent if members["grant_type"] == "refresh_token"]


def expire() -> None:
    Connection.objects.update(expires_at=timezone.now() + timedelta(seconds=5))


def kill_access_tokens(browser: Browser) -> None:
    for grant in browser.server.grants.values():
        grant.access_tokens.clear()


def test_an_access_token_about_to_expire_is_renewed_with_the_json_of_step_7(alice: Browser) -> None:
    before = Connection.objects.get().tokens
    expire()
    assert "Connected as Alice" in alice.home().text
    assert refreshes(alice) == [
        {
            "grant_type": "refresh_token",
            "refresh_token": before.refresh_token,
            "client_id": "presc_man_123",
            "client_secret": "ITS_A_VERY_SECRET_KEY",
        }
    ]
    assert Connection.objects.get().tokens.refresh_token != before.refresh_token


def test_an_access_token_that_is_refused_is_renewed(alice: Browser) -> None:
    kill_access_tokens(alice)
    assert "Connected as Alice" in alice.home().text
    assert len(refreshes(alice)) == 1


def test_a_good_access_token_is_not_renewed(alice: Browser) -> None:
    alice.home()
    assert refreshes(alice) == []


def test_an_access_token_of_unknown_lifetime_is_used_until_it_is_refused(browser: Browser) -> None:
    """expires_in is only RECOMMENDED (RFC 6749 section 5.1)."""
    browser.server.faults["/token/"] = lambda: Answer(200, {"access_token": "AT_x", "token_type": "bearer"})
    browser.server.faults["/userinfo/"] = lambda: Answer(200, browser.server.profile)
    assert "Connected as Alice" in browser.connect().text
    assert Connection.objects.get().expires_at is None


def test_without_a_new_refresh_token_the_old_one_is_kept(alice: Browser) -> None:
    """RFC 6749 section 6: the server may leave it out."""
    kept = Connection.objects.get().tokens.refresh_token
    alice.server.faults["/token/"] = lambda: Answer(200, {"access_token": "AT_y", "token_type": "Bearer"})
    alice.server.faults["/userinfo/"] = lambda: Answer(200, alice.server.profile)
    expire()
    alice.home()
    assert Connection.objects.get().tokens.refresh_token == kept


def test_a_refused_refresh_ends_the_connection_in_words(alice: Browser) -> None:
    expire()
    alice.server.deauthorise()
    response = alice.home()
    assert (response.status_code, Connection.objects.count()) == (403, 0)
    assert "Your connection was ended" in response.text
    assert "Connect to OAuth Service" in alice.home().text


def test_a_renewed_token_that_is_refused_ends_the_connection(alice: Browser) -> None:
    """The app must not renew in a loop."""
    alice.server.faults["/userinfo/"] = lambda: Answer(401, {"error": "invalid_token"})
    assert "Your connection was ended" in alice.home().text
    assert len(refreshes(alice)) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_costs_nobody_the_connection(alice: Browser, status: int) -> None:
    expire()
    alice.server.faults["/token/"] = lambda: Answer(status, "<h1>no</h1>")
    assert "has a problem" in alice.home().text
    alice.server.faults.clear()
    assert "Connected as Alice" in alice.home().text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("refused", [False, True])
def test_tabs_that_race_renew_once_and_use_the_same_tokens(alice: Browser, *, refused: bool) -> None:
    if refused:
        kill_access_tokens(alice)
    else:
        expire()
    alice.server.delay_seconds = 0.1  # every tab arrives while the first is at the server
    pages = in_tabs(alice, 6, lambda tab: tab.home().text)
    assert [("Connected as Alice" in page) for page in pages] == [True] * 6
    assert (len(refreshes(alice)), Connection.objects.get().version) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_when_the_winner_fails_the_next_one_tries(alice: Browser) -> None:
    expire()
    answers = iter([Answer(500)])

    def once_in_trouble() -> Answer:
        answer = next(answers, None)
        if answer is None:
            alice.server.faults.clear()
            return Answer(500)
        return answer

    alice.server.faults["/token/"] = once_in_trouble
    stale = Connection.objects.get()
    server = AuthorizationServer(registration=registration())

    def renew() -> str:
        try:
            return renewal.renew(stale, server).tokens.refresh_token
        except FailedError as failure:
            return failure.outcome.slug

    assert sorted(at_once(renew, renew, renew)) == [
        Connection.objects.get().tokens.refresh_token,
        *["server_error"] * 2,
    ]


def test_a_claim_left_by_a_killed_process_runs_out(alice: Browser) -> None:
    expire()
    Connection.objects.update(renewing_until=timezone.now() - timedelta(seconds=1))
    assert "Connected as Alice" in alice.home().text


def test_whoever_waits_too_long_for_another_request_says_so(alice: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    expire()
    Connection.objects.update(renewing_until=timezone.now() + timedelta(seconds=60))
    monkeypatch.setattr(renewal, "CLAIM_LIFETIME", timedelta(seconds=0.2))
    assert "takes too long" in alice.home().text
    assert refreshes(alice) == []


def test_a_stale_write_does_not_replace_newer_tokens(alice: Browser) -> None:
    stale = Connection.objects.get()
    renewal.renew(stale, AuthorizationServer(registration=registration()))
    newest = Connection.objects.get().tokens
    assert not Connection.objects.store_renewal(stale, stale.tokens)
    assert Connection.objects.get().tokens == newest


def test_tokens_that_arrive_after_logout_are_given_back(alice: Browser) -> None:
    """Another tab logs out during a renewal: the new tokens must not outlive the logout."""
    connection = Connection.objects.get()
    server = AuthorizationServer(registration=registration(), observe=lambda step, _: leave(step))

    def leave(step: int) -> None:
        if step == 7:
            Connection.objects.all().delete()

    with pytest.raises(FailedError) as raised:
        renewal.renew(connection, server)
    assert (raised.value.outcome, alice.server.grants) == (Outcome.CONNECTION_ENDED, {})


def test_a_connection_ended_by_another_tab_is_not_renewed(alice: Browser) -> None:
    connection = Connection.objects.get()
    Connection.objects.all().delete()
    with pytest.raises(FailedError) as raised:
        renewal.renew(connection, AuthorizationServer(registration=registration()))
    assert (raised.value.outcome, refreshes(alice)) == (Outcome.CONNECTION_ENDED, [])
