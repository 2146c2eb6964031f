"""Two holders of one refresh token, told apart from an honest client that loses responses; and the end of a connection."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from oauth_service import signals
from oauth_service.guard import failure_counts
from oauth_service.models import AuditEvent, Client, Grant
from oauth_service.protocol.refresh_token import LATEST, TOO_MANY_RETRIED
from oauth_service.watch import audit
from tests.clauses import clause
from tests.guide import Guide

Committed = Callable[[], AbstractContextManager[object]]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def told() -> Any:
    """Collect the facts of every refresh_shared."""
    heard: list[dict[str, Any]] = []

    def hear(sender: object, signal: object, **facts: Any) -> None:
        heard.append(facts)

    signals.refresh_shared.connect(hear)
    yield heard
    signals.refresh_shared.disconnect(hear)


def renewed(guide: Guide, token: str) -> str:
    response = guide.refresh(token)
    assert response.status_code == 200, response.content
    return str(response.json()["refresh_token"])


def by_turns(guide: Guide, token: str, times: int, *, pace: timedelta = MINUTE, behind: timedelta) -> list[int]:
    """Refresh regularly as the owner, and a moment later with the same token as a thief; return the thief's statuses."""
    statuses = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(times):
            clock.shift(pace - behind)
            if (owner := guide.refresh(token)).status_code != 200:
                break
            clock.shift(behind)
            thief = guide.refresh(token)
            statuses.append(thief.status_code)
            token = owner.json()["refresh_token"]
    return statuses


# -- the window --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "is_retry"), [(30, True), (31, False)])
@pytest.mark.parametrize("where", ["setting", "client"])
def test_the_window_is_half_of_an_access_tokens_life(
    guide: Guide, settings: Settings, where: str, seconds: int, is_retry: bool
) -> None:
    """A client refreshes as often as its access tokens end, so this limits the window even if its setting is longer."""
    if where == "client":
        Client.objects.update(access_token_lifetime=MINUTE)
    else:
        settings.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = MINUTE
    settings.OAUTH_SERVICE_REFRESH_RETRY_WINDOW = timedelta(minutes=10)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = guide.tokens()["refresh_token"]
        new = renewed(guide, old)
        clock.shift(timedelta(seconds=seconds))
        assert (guide.refresh(old).status_code == 200) == is_retry
        assert (guide.refresh(new).status_code == 200) == is_retry


@clause("RFC 9700", "4.14.2")
def test_a_client_that_refreshes_every_minute_has_a_retry_window_of_half_a_minute(guide: Guide) -> None:
    """
    Access tokens of an hour do not help: a thief who is further behind is detected, although the window would be two
    minutes.
    """
    assert by_turns(guide, guide.tokens()["refresh_token"], 9, behind=timedelta(seconds=40)) == [200] * 9
    assert 400 in by_turns(guide, guide.tokens()["refresh_token"], 15, behind=timedelta(seconds=40))


# -- reported ----------------------------------------------------------------------------------------------------------


@clause("RFC 9700", "4.14.2")
def test_two_holders_that_refresh_in_turns_are_reported(
    guide: Guide, committed: Committed, told: list[dict[str, Any]]
) -> None:
    """The signal, the audit trail and the log report it once a day. The connection goes on."""
    with committed():
        statuses = by_turns(guide, guide.tokens()["refresh_token"], 30, behind=timedelta(seconds=5))
    assert statuses == [200] * 30
    reason = "its refresh tokens are used twice again and again: address unknown, client authenticated"
    who = {"user_id": guide.alice.pk, "client_id": "presc_man_123", "grant_id": Grant.objects.get().pk}
    assert told == [who | {"address_is_known": None, "reason": reason}]
    assert audit.flush()
    rows = AuditEvent.objects.filter(event="refresh_shared").values_list("user", "client_id", "grant_id", "reason")
    assert list(rows) == [(*who.values(), reason)]


@clause("RFC 9700", "4.14.2")
def test_a_setting_ends_what_two_hold(
    guide: Guide, settings: Settings, committed: Committed, told: list[dict[str, Any]]
) -> None:
    """
    The connection ends at the fifth shared generation in a row. Then both the owner and the thief have to ask the user
    again.
    """
    settings.OAUTH_SERVICE_END_SHARED_CONNECTIONS = True
    with committed():
        statuses = by_turns(guide, guide.tokens()["refresh_token"], 30, behind=timedelta(seconds=5))
    assert statuses == [200] * (TOO_MANY_RETRIED - 1) + [400]
    assert Grant.objects.count() == 0
    assert [each["reason"] for each in told] == [
        "its refresh tokens are used twice again and again, and ended: address unknown, client authenticated"
    ]


def test_what_the_last_one_is_answered(guide: Guide, settings: Settings) -> None:
    """A sentence of its own tells developers of apps that refresh from several processes the reason."""
    settings.OAUTH_SERVICE_END_SHARED_CONNECTIONS = True
    token, access = guide.tokens()["refresh_token"], ""
    for _ in range(TOO_MANY_RETRIED):
        response = guide.refresh(token)
        last = guide.refresh(token)
        token, access = response.json()["refresh_token"], response.json()["access_token"]
    said = last.json()
    assert (last.status_code, said["error"]) == (400, "invalid_grant")
    assert said["error_description"] == "the refresh token is used by more than one holder"
    assert not guide.is_alive(access)


# -- not reported ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [1, 20])
def test_an_honest_client_that_loses_answers_loses_nothing_else(
    guide: Guide, settings: Settings, committed: Committed, told: list[dict[str, Any]], retries: int
) -> None:
    """A bad network loses fewer than one response in five. Repeated retries of one generation count once."""
    settings.OAUTH_SERVICE_END_SHARED_CONNECTIONS = True
    token = guide.tokens()["refresh_token"]
    with committed():
        for number in range(3 * LATEST):
            successor = renewed(guide, token)
            if not number % 5:
                assert {renewed(guide, token) for _ in range(retries)} == {successor}
            token = successor
    assert told == []


def test_a_cache_that_is_away_logs_nobody_out(
    guide: Guide, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is recorded then, and the log says so."""
    settings.OAUTH_SERVICE_END_SHARED_CONNECTIONS = True

    class Away:
        def get(self, *_: object) -> None:
            raise ConnectionError("away")

    monkeypatch.setattr("oauth_service.guard.retries.cache_of", lambda _: Away())
    assert by_turns(guide, guide.tokens()["refresh_token"], 9, behind=timedelta(seconds=5)) == [200] * 9
    assert "the cache does not answer" in caplog.text


def test_connections_are_apart(guide: Guide, settings: Settings) -> None:
    """Retries of one connection do not count for another one of the same user and app."""
    settings.OAUTH_SERVICE_END_SHARED_CONNECTIONS = True
    for _ in range(3 * TOO_MANY_RETRIED):
        token = guide.tokens()["refresh_token"]
        assert renewed(guide, token) == renewed(guide, token)


def test_the_next_test_knows_nothing_of_it() -> None:
    """oauth_service.testing.forget_everything() clears the retries together with the failures."""
    failure_counts.cache_of("retries").set("known", 1)
    failure_counts.forget_all()
    assert failure_counts.cache_of("retries").get("known") is None


# -- the end of a connection -------------------------------------------------------------------------------------------


@pytest.fixture
def ends(settings: Settings) -> timedelta:
    """Limit connections to two days."""
    settings.OAUTH_SERVICE_CONNECTION_LIFETIME = timedelta(days=2)
    return timedelta(days=2)


def test_a_connection_ends_however_often_it_is_refreshed(guide: Guide, ends: timedelta) -> None:
    """Access tokens end with the connection, and their expires_in says so."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = guide.tokens()["refresh_token"]
        for _ in range(47):
            clock.shift(timedelta(hours=1))
            token = renewed(guide, token)
        clock.shift(timedelta(minutes=50))
        last = guide.refresh(token).json()
        assert last["expires_in"] == 600
        clock.shift(timedelta(seconds=599))
        assert guide.is_alive(last["access_token"])
        clock.shift(timedelta(seconds=1))
        assert not guide.is_alive(last["access_token"])
        assert guide.refresh(last["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_row_does_not_outlive_its_connection(guide: Guide, ends: timedelta) -> None:
    """The user's list of apps and the sweep use its end."""
    guide.tokens()
    grant = Grant.objects.get()
    assert grant.expires_at - grant.created_at == ends


def test_what_is_older_than_a_new_setting_allows_is_not_renewed(
    guide: Guide, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why, and nothing is used up: with a longer lifetime the connection goes on."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = guide.tokens()["refresh_token"]
        clock.shift(timedelta(days=3))
        settings.OAUTH_SERVICE_CONNECTION_LIFETIME = timedelta(days=2)
        assert guide.refresh(token).json()["error_description"] == "the refresh token is not valid"
        assert "the connection has reached its maximum age" in caplog.text
        settings.OAUTH_SERVICE_CONNECTION_LIFETIME = timedelta(days=4)
        renewed(guide, token)


def test_without_the_setting_a_connection_has_no_end(guide: Guide) -> None:
    """timedelta(0), the default, means no limit."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = guide.tokens()["refresh_token"]
        for _ in range(40):
            clock.shift(timedelta(days=29))
            token = renewed(guide, token)
