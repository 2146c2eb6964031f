"""
Refreshes as real client libraries send them, several at a time, repeated, or late: no honest client loses its connection.

Each test names the behaviour of a library. Refreshes that look like theft end the connection once and for all, and the operator
learns what happened (docs/refresh-storms.md).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from pytest_django import Settings

from oauth_service import signals
from oauth_service.models import AuditEvent, Client, Grant
from oauth_service.models.grant import GrantManager
from oauth_service.watch import audit, holders
from tests.clauses import clause
from tests.guide import SECRET, Guide, basic

Committed = Callable[[], AbstractContextManager[object]]
Clock = time_machine.Traveller
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Stop the clock at noon."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@dataclass
class Process:
    """A process of an app, with the tokens that it remembers."""

    guide: Guide
    tokens: dict[str, Any]

    def refreshes(self) -> int:
        """Refresh with the remembered token, remember the new ones, and return the status."""
        response = self.guide.refresh(self.tokens["refresh_token"])
        if response.status_code == 200:
            self.tokens = response.json()
        return int(response.status_code)

    def loses_an_answer(self) -> None:
        """Refresh, but lose the response."""
        assert self.guide.refresh(self.tokens["refresh_token"]).status_code == 200

    @property
    def is_let_in(self) -> bool:
        """True if its access token is valid."""
        return self.guide.is_alive(self.tokens["access_token"])


def processes(guide: Guide, count: int) -> list[Process]:
    """Return several processes that have read the same tokens from a store."""
    tokens = guide.tokens()
    return [Process(guide, tokens) for _ in range(count)]


# -- honest ------------------------------------------------------------------------------------------------------------


def test_a_client_that_tries_basic_before_the_body(guide: Guide, clock: Clock) -> None:
    """
    Send each refresh twice, as golang.org/x/oauth2 does until it knows the server: by HTTP Basic, then in the body.

    A refused request has consumed nothing. For a public client, the first request has an empty secret.
    """
    token = guide.tokens()["refresh_token"]
    Client.objects.update(client_type=Client.ClientType.PUBLIC)
    first = guide.refresh(token, client_id="", client_secret="", authorization=basic("presc_man_123", ""))
    second = guide.refresh(token, client_secret="")
    assert (first.status_code in (200, 401), second.status_code) == (True, 200)
    Client.objects.update(client_type=Client.ClientType.CONFIDENTIAL)
    token = second.json()["refresh_token"]
    wrong = guide.refresh(token, client_id="", client_secret="", authorization=basic("presc_man_123", "wrong"))
    right = guide.refresh(token, client_secret=SECRET)
    assert (wrong.status_code, right.status_code, Grant.objects.get().generation) == (401, 200, 2)


@pytest.mark.parametrize("count", [2, 10])
def test_processes_that_share_one_store(guide: Guide, clock: Clock, count: int) -> None:
    """
    Refresh from several processes at once and write the answer back, as the MCP TypeScript SDK does: its store has no lock.

    All get the same successor, so it does not matter which one writes last. This goes on every hour for two days.
    """
    several = processes(guide, count)
    for _ in range(48):
        clock.shift(HOUR)
        assert [each.refreshes() for each in several] == [200] * count
        assert all(each.is_let_in for each in several)
        assert len({each.tokens["refresh_token"] for each in several}) == 1
        last = several[-1].tokens
        for each in several:
            each.tokens = last


def test_requests_of_one_session_that_all_find_the_access_token_expired(guide: Guide, clock: Clock) -> None:
    """
    Refresh once for each incoming request, as sites with openid-client do when a page sends twenty requests at a time.

    All have read the token before the first response arrived; the responses take some seconds.
    """
    several = processes(guide, 20)
    clock.shift(HOUR)
    for each in several:
        assert each.refreshes() == 200
        clock.shift(2 * SECOND)
    assert all(each.is_let_in for each in several)


@pytest.mark.parametrize("delays", [(1, 2, 4, 8, 16, 32), (60,), (20, 40, 60), (0, 0, 0)])
def test_answers_that_are_lost_on_the_way(guide: Guide, clock: Clock, delays: tuple[int, ...]) -> None:
    """
    Ask again after a time-out or a 502 of a proxy, with growing pauses as google-auth and urllib3's Retry do.

    The server rotated each time, but the client still has the old token.
    """
    app = Process(guide, guide.tokens())
    clock.shift(HOUR)
    for delay in delays:
        app.loses_an_answer()
        clock.shift(delay * SECOND)
    assert (app.refreshes(), Grant.objects.get().generation) == (200, 1)
    clock.shift(HOUR)
    assert (app.refreshes(), app.is_let_in) == (200, True)


def test_a_server_that_fails_in_the_middle(guide: Guide, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ask again after a 503, as google-auth does: nothing was rotated, and the same token is valid minutes and hours later.
    """
    app = Process(guide, guide.tokens())
    rotate = GrantManager.rotate

    def failing(*args: Any, **kwargs: Any) -> bool:
        raise OperationalError("the database is away")

    for pause in (SECOND, MINUTE, 5 * HOUR):
        monkeypatch.setattr(GrantManager, "rotate", failing)
        assert app.refreshes() == 503
        monkeypatch.setattr(GrantManager, "rotate", rotate)
        clock.shift(pause)
    assert (app.refreshes(), app.is_let_in) == (200, True)


def test_ten_processes_that_each_retry_theirs(guide: Guide, clock: Clock) -> None:
    """
    Share a token among ten workers, each of which loses a response and asks again, as a pool behind a failing proxy does.
    """
    several = processes(guide, 10)
    clock.shift(HOUR)
    for each in several:
        each.loses_an_answer()
    clock.shift(30 * SECOND)
    assert [each.refreshes() for each in several] == [200] * 10
    assert (all(each.is_let_in for each in several), Grant.objects.get().generation) == (True, 1)


def test_a_process_that_is_one_behind_within_the_window(guide: Guide, clock: Clock) -> None:
    """
    Use the token that was read at the start, as a worker does that never reads the store again.

    Within the window it gets the same successor as the other worker, and both can go on.
    """
    first, second = processes(guide, 2)
    clock.shift(HOUR)
    assert first.refreshes() == 200
    clock.shift(2 * MINUTE)
    assert (second.refreshes(), second.tokens["refresh_token"]) == (200, first.tokens["refresh_token"])
    clock.shift(HOUR)
    assert (second.refreshes(), first.refreshes()) == (200, 200)


@pytest.mark.parametrize("asleep", [8 * HOUR, 3 * DAY, 29 * DAY])
def test_a_laptop_that_was_asleep(guide: Guide, clock: Clock, asleep: timedelta) -> None:
    """
    Wake up and refresh at once from every program that shares the token, as command-line tools on a laptop do.

    The tokens are old, but still the current ones.
    """
    several = processes(guide, 3)
    clock.shift(asleep)
    assert [each.refreshes() for each in several] == [200] * 3
    assert all(each.is_let_in for each in several)


def test_a_clock_of_the_client_that_is_wrong(guide: Guide, clock: Clock) -> None:
    """
    Refresh before every request, as a client does whose clock is hours ahead: each access token seems to have expired.
    """
    app = Process(guide, guide.tokens())
    for _ in range(60):
        clock.shift(SECOND)
        assert app.refreshes() == 200
    assert app.is_let_in


# -- suspected theft ---------------------------------------------------------------------------------------------------


@clause("RFC 9700", "4.14.2")
@pytest.mark.parametrize("after", [2 * MINUTE + SECOND, 3 * DAY])
def test_a_token_that_comes_again_days_later_ends_the_connection(guide: Guide, clock: Clock, after: timedelta) -> None:
    """
    Present the previous token after the window: as a thief does, or a laptop that fell asleep before the response arrived.

    The server cannot tell them apart, so the connection ends for both.
    """
    owner, other = processes(guide, 2)
    clock.shift(HOUR)
    assert owner.refreshes() == 200
    clock.shift(after)
    assert other.refreshes() == 400
    assert (owner.is_let_in, owner.refreshes(), Grant.objects.count()) == (False, 400, 0)


def test_the_client_hears_of_it_once_and_starts_anew(guide: Guide, clock: Clock, committed: Committed) -> None:
    """
    Discard the tokens after invalid_grant and ask the user again, as SDKs do: there is one refusal and one event.
    """
    owner, other = processes(guide, 2)
    with committed():
        owner.refreshes()
        clock.shift(DAY)
        response = guide.refresh(other.tokens["refresh_token"])
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
        again = Process(guide, guide.tokens())
        assert (other.refreshes(), owner.refreshes()) == (400, 400)  # the old tokens change nothing
        clock.shift(HOUR)
        assert (again.refreshes(), again.is_let_in) == (200, True)
    audit.flush()
    assert AuditEvent.objects.filter(event="refresh_replayed").count() == 1


# -- messages to the operator ------------------------------------------------------------------------------------------


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """Collect the facts of every replay and every shared token."""
    facts_of: list[dict[str, Any]] = []

    def hear(sender: object, signal: object, **facts: Any) -> None:
        facts_of.append(facts)

    for each in (signals.refresh_replayed, signals.refresh_shared):
        each.connect(hear)
    yield facts_of
    for each in (signals.refresh_replayed, signals.refresh_shared):
        each.disconnect(hear)


@pytest.mark.parametrize(
    ("address", "is_public", "words"),
    [
        ("198.51.100.4", False, "known address, client authenticated"),
        ("203.0.113.66", True, "new address, public client"),
    ],
)
def test_a_replay_says_how_old_from_where_and_what_was_proven(
    guide: Guide,
    clock: Clock,
    committed: Committed,
    heard: list[dict[str, Any]],
    address: str,
    is_public: bool,
    words: str,
) -> None:
    """A careless client uses its usual address, a thief seldom does."""
    guide.server.defaults["REMOTE_ADDR"] = "198.51.100.4"
    with committed():
        owner, other = processes(guide, 2)
    for _ in range(3):
        clock.shift(HOUR)
        with committed():
            owner.refreshes()
    audit.flush()
    if is_public:
        Client.objects.update(client_type=Client.ClientType.PUBLIC)
    clock.shift(5 * HOUR)
    guide.server.defaults["REMOTE_ADDR"] = address
    with committed():
        guide.refresh(other.tokens["refresh_token"], client_secret="" if is_public else SECRET)
    audit.flush()
    row = AuditEvent.objects.get(event="refresh_replayed")
    assert (row.reason, row.address) == (f"ended: 3 behind, 5 h after the last renewal, {words}", address)
    [facts] = heard
    assert (facts["behind"], facts["after"], facts["address_is_known"]) == (3, 5 * HOUR, address == "198.51.100.4")


def test_where_there_is_no_trail_nothing_is_known_of_addresses(
    guide: Guide, clock: Clock, committed: Committed, heard: list[dict[str, Any]], settings: Settings
) -> None:
    """Without the audit trail, the other facts are still reported."""
    settings.OAUTH_SERVICE_AUDIT_LIFETIME = timedelta(0)
    with committed():
        owner, other = processes(guide, 2)
        owner.refreshes()
    clock.shift(DAY)
    with committed():
        other.refreshes()
    [facts] = heard
    assert facts["address_is_known"] is None
    assert facts["reason"] == "ended: 1 behind, 1 d after the last renewal, address unknown, client authenticated"


@pytest.mark.parametrize(("address", "words"), [("198.51.100.4", "known address"), ("203.0.113.66", "new address")])
def test_what_is_shared_says_from_where(
    guide: Guide, clock: Clock, committed: Committed, heard: list[dict[str, Any]], address: str, words: str
) -> None:
    """The tokens may be shared by ten workers on one machine, or with somebody else."""
    guide.server.defaults["REMOTE_ADDR"] = "198.51.100.4"
    with committed():
        owner, other = processes(guide, 2)
    for number in range(5):
        clock.shift(HOUR)
        with committed():
            assert owner.refreshes() == 200
        audit.flush()
        guide.server.defaults["REMOTE_ADDR"] = address if number == 4 else "198.51.100.4"
        with committed():
            assert other.refreshes() == 200
    [facts] = heard
    assert facts["reason"].endswith(f" again: {words}, client authenticated")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (-SECOND, "0 s"),
        (59 * SECOND, "59 s"),
        (MINUTE, "1 min"),
        (HOUR, "1 h"),
        (DAY - SECOND, "23 h"),
        (9 * DAY, "9 d"),
    ],
)
def test_a_span_in_words(span: timedelta, words: str) -> None:
    """The largest unit keeps the text short enough for a row."""
    assert holders.span_in_words(span) == words
