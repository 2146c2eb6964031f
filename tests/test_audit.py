"""
The audit trail: every event has its row, routine events take no statement in the request, and failures break nothing.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.db import DataError, OperationalError, connections
from django.test import RequestFactory
from pytest_django import Settings

from oauth_service import signals
from oauth_service.models import AuditEvent, Grant, SigningKey, audit_event, purge
from oauth_service.watch import audit
from tests.database import connection
from tests.guide import SECRET, Guide
from tests.test_signals import ANNOUNCED, ELSEWHERE, EVENTS, play
from tests.test_unavailable import AWAY

Committed = Callable[[], AbstractContextManager[object]]
START = audit._Trail.start  # before tests/conftest.py replaces it
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT_ONCE = [
    "consent_given",
    "code_replayed",
    "refresh_replayed",
    "app_deauthorised",
    "signing_key_changed",
    "backup_restored",
]


def written(*fields: str) -> list[Any]:
    """Return these columns of every row, in the order of events; values instead of tuples for a single column."""
    rows = AuditEvent.objects.order_by("at", "pk")
    return list(rows.values_list(*fields, flat=True) if len(fields) == 1 else rows.values_list(*fields))


@pytest.fixture
def played(guide: Guide, committed: Committed) -> Guide:
    """A lifecycle with every kind of event and a renewal on the next day, written to the trail."""
    with time_machine.travel(NOON), committed():
        play(guide)
        token = guide.tokens()["refresh_token"]
    with time_machine.travel(NOON + timedelta(days=1)), committed():
        guide.refresh(token)
    assert audit.flush()
    return guide


# -- contents of rows --------------------------------------------------------------------------------------------------


def test_every_event_has_its_row(played: Guide) -> None:
    """Each signal of signals.py has a row with outcome and reason. Codes within one hour are alike, and share a row."""
    assert written("event", "outcome", "reason") == [
        ("login_refused", "refused", "wrong username or password"),
        ("client_refused", "refused", "wrong secret"),
        ("consent_given", "done", ""),
        ("code_issued", "done", ""),
        ("token_issued", "done", ""),
        ("refresh_retried", "done", ""),
        ("token_revoked", "done", "access_token"),
        ("code_replayed", "refused", "it was used again, and its connection was ended"),
        ("consent_given", "done", ""),
        ("token_issued", "done", ""),
        (
            "refresh_replayed",
            "refused",
            "ended: 2 behind, 0 s after the last renewal, address unknown, client authenticated",
        ),
        ("consent_given", "done", ""),
        ("token_issued", "done", ""),
        ("token_revoked", "done", "refresh_token"),
        ("consent_given", "done", ""),
        ("token_issued", "done", ""),
        (
            "refresh_shared",
            "done",
            "its refresh tokens are used twice again and again: address unknown, client authenticated",
        ),
        ("refresh_retried", "done", ""),
        ("app_deauthorised", "done", "by the user"),
        ("signing_key_changed", "done", f"made {SigningKey.objects.get().kid}"),
        ("backup_restored", "done", "0 consents, 0 client secrets, 0 signing keys"),
        ("consent_given", "done", ""),
        ("token_issued", "done", ""),
        ("token_refreshed", "done", ""),
    ]
    assert AuditEvent.objects.get(event="code_issued").event_count == 5


def test_a_connection_in_use_is_one_row_a_day(guide: Guide, committed: Committed) -> None:
    """Further renewals on the same day add no row. The day of the connection itself has a row already."""
    with time_machine.travel(NOON, tick=False), committed():
        token = guide.tokens()["refresh_token"]
    for hour in range(1, 61):
        with time_machine.travel(NOON + timedelta(hours=hour), tick=False), committed():
            token = guide.refresh(token).json()["refresh_token"]
    audit.flush()
    renewed = AuditEvent.objects.filter(event="token_refreshed").order_by("at")
    assert list(renewed.values_list("at", flat=True)) == [
        NOON + timedelta(hours=12),
        NOON + timedelta(hours=36),
        NOON + timedelta(hours=60),
    ]


def test_a_day_begins_at_the_same_moment_in_every_time_zone(guide: Guide, committed: Committed) -> None:
    """A database may have a TIME_ZONE of its own, in which the last use was already on the next day."""
    last_used_at = datetime(2026, 3, 2, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    facts = {"user_id": guide.alice.pk, "client_id": guide.client.client_id, "last_used_at": last_used_at}
    with time_machine.travel(last_used_at + timedelta(hours=1), tick=False), committed():
        signals.announce(signals.token_refreshed, **facts)
    audit.flush()
    assert written("event", "at") == [("token_refreshed", datetime(2026, 3, 2, 0, 30, tzinfo=UTC))]


def test_refusals_alike_are_one_row_an_hour(guide: Guide, committed: Committed) -> None:
    """Anyone can cause refusals without limit, for instance with a new unknown client_id each time."""
    for minute in range(0, 90, 2):
        with time_machine.travel(NOON + timedelta(minutes=minute), tick=False), committed():
            guide.exchange("SPL__x", client_id=f"random-{minute}")
            authenticate(username="alice", password="wrong")
            authenticate(username=f"stranger-{minute}", password="wrong")
        audit.flush()
    refused = [("client_refused", None), ("login_refused", guide.alice.pk), ("login_refused", None)]
    hours = ((NOON, NOON + timedelta(minutes=58), 30), (NOON + timedelta(hours=1), NOON + timedelta(minutes=88), 15))
    assert written("at", "last_at", "event_count", "event", "user_id") == [
        (*hour, *each) for hour in hours for each in refused
    ]


def test_refusals_that_differ_have_their_rows(guide: Guide, committed: Committed) -> None:
    """Auditors must see another actor, account, address or reason."""
    with time_machine.travel(NOON, tick=False), committed():
        for address in ("203.0.113.1", "203.0.113.2"):
            guide.server.defaults["REMOTE_ADDR"] = address
            for _again in range(2):
                guide.exchange("SPL__x", client_secret="wrong")
                guide.exchange("SPL__x", client_id="nobody")
    audit.flush()
    refused = [("presc_man_123", "wrong secret"), ("", "no such client")]
    assert written("client_id", "reason", "address") == [
        (*each, address) for address in ("203.0.113.1", "203.0.113.2") for each in refused
    ]


def test_a_refusal_that_could_not_be_written_is_not_told_yet(
    guide: Guide, committed: Committed, fault: list[Exception]
) -> None:
    """A waiting row must not be taken for its own repetition."""
    fault.append(OperationalError("no route to host"))
    with time_machine.travel(NOON, tick=False), committed():
        guide.exchange("SPL__x", client_secret="wrong")
    assert not audit.flush()
    fault.clear()
    assert (audit.flush(), written("event", "event_count")) == (True, [("client_refused", 1)])


def test_no_event_is_left_out(played: Guide) -> None:
    """A developer who adds a signal to signals.py must cover it here."""
    assert set(audit._EVENTS) == {EVENTS[name] for name in EVENTS if name != "request_answered"}
    assert set(audit_event.Event.values) == ANNOUNCED | ELSEWHERE
    assert set(written("event")) == ANNOUNCED


def test_a_row_says_who_which_client_and_which_connection(played: Guide) -> None:
    """A sign-in is recorded by its account, a refused client by its client_id only."""
    who = {event: (user, client) for event, user, client in written("event", "user_id", "client_id")}
    alice = played.alice.pk
    assert who == dict.fromkeys(ANNOUNCED, (alice, "presc_man_123")) | {
        "login_refused": (alice, ""),
        "client_refused": (None, "presc_man_123"),
        "signing_key_changed": (None, ""),
        "backup_restored": (None, ""),
    }
    with_grant = {event for event, grant in written("event", "grant_id") if grant}
    without = {"login_refused", "client_refused", "consent_given", "code_issued", "app_deauthorised"}
    without |= {"signing_key_changed", "backup_restored"}
    assert with_grant == ANNOUNCED - without


def test_a_row_has_the_facts_of_its_event(guide: Guide, committed: Committed) -> None:
    """Each fact is in a column of its own, whether the row is queued or written at once."""
    with time_machine.travel(NOON, tick=False), committed():
        tokens = guide.tokens(scope="profile")
        grant = Grant.objects.get().pk
        guide.revoke(tokens["refresh_token"])
    audit.flush()
    columns = ("at", "event", "user_id", "client_id", "grant_id", "scope", "reason", "purge_at")
    row = {"at": NOON, "user": guide.alice.pk, "client": "presc_man_123", "until": NOON + timedelta(days=90)}
    expected = [
        ("consent_given", None, "profile", ""),
        ("code_issued", None, "profile", ""),
        ("token_issued", grant, "profile", ""),
        ("token_revoked", grant, "", "refresh_token"),
    ]
    assert sorted(written(*columns), key=str) == sorted(
        [
            (row["at"], event, row["user"], row["client"], grant_id, scope, reason, row["until"])
            for event, grant_id, scope, reason in expected
        ],
        key=str,
    )


def test_a_row_says_from_where_and_under_which_reference(guide: Guide, committed: Committed) -> None:
    """
    The response shows the same reference, so the row can be found by a reference that a user reads out on the
    telephone.
    """
    guide.server.defaults["REMOTE_ADDR"] = "2001:db8:0:0:1:2:3:4"
    with committed():
        answer = guide.exchange("SPL__x", client_secret="wrong")
    audit.flush()
    assert written("address", "reference") == [("2001:db8:0:0:1:2:3:4", answer.json()["reference"])]


def test_a_sign_in_that_another_page_refused_has_an_address_too(committed: Committed, db: None) -> None:
    """The page of a host project has no reference."""
    request = RequestFactory().post("/elsewhere/", REMOTE_ADDR="203.0.113.7")
    with committed():
        authenticate(request, username="alice", password="x")
    audit.flush()
    assert written("event", "address", "reference") == [("login_refused", "203.0.113.7", "")]


def test_what_happens_outside_of_a_request_has_neither(guide: Guide, committed: Committed) -> None:
    """An invented reference would be searched for in vain."""
    with committed():
        signals.announce(signals.app_deauthorised, user_id=guide.alice.pk, client_id="presc_man_123")
    assert written("address", "reference") == [("", "")]


@pytest.mark.parametrize(
    ("username", "known"), [("alice", True), ("nobody", False), ("hunter2-in-the-wrong-field", False)]
)
def test_a_refused_sign_in_is_its_accounts_or_nobodys(
    guide: Guide, committed: Committed, username: str, known: bool
) -> None:
    """The typed name is not stored, because users sometimes type their password there."""
    with committed():
        authenticate(username=username, password="wrong")
    audit.flush()
    assert written("user_id", "reason") == [(guide.alice.pk if known else None, "wrong username or password")]
    assert username not in repr(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("reason", ["no such client", "throttled"])
def test_a_client_id_that_no_client_has_is_not_kept(guide: Guide, committed: Committed, reason: str) -> None:
    """
    An unknown client_id may be anything, for instance a secret in the wrong field. This holds for throttled requests,
    too.
    """
    with committed():
        for client_id in (SECRET, "presc_man_123"):
            signals.announce(signals.client_refused, client_id=client_id, reason=reason)
    audit.flush()
    assert written("client_id", "reason") == [("", reason), ("presc_man_123", reason)]


def test_no_column_contains_a_usable_secret(guide: Guide, committed: Committed) -> None:
    """No column contains anything from the request or the response that could be used."""
    with committed():
        code = guide.code()
        tokens = guide.exchange(code).json()
        renewed = guide.refresh(tokens["refresh_token"]).json()
        guide.exchange(code, client_secret="a-wrong-one")
        guide.exchange(code)
        authenticate(username="alice", password="mistyped")
        play(guide)
    audit.flush()
    rows = repr(list(AuditEvent.objects.values()))
    values = [code, tokens["access_token"], tokens["refresh_token"], renewed["access_token"], renewed["refresh_token"]]
    secrets = [*values, *(value[-43:] for value in values), SECRET, "a-wrong-one", "mistyped", guide.alice.email]
    assert len(written("event")) > 15
    assert [secret for secret in secrets if secret in rows] == []


# -- time of writing ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_a_person_or_a_thief_did_is_written_before_the_answer(guide: Guide) -> None:
    """A killed process loses none of these events after the response was sent."""
    play(guide)
    assert sorted(written("event")) == sorted(
        [*AT_ONCE, "consent_given", "consent_given", "consent_given"],
    )


def test_the_rest_waits(guide: Guide, committed: Committed) -> None:
    """The writer stores the other events together, so that requests need not wait for them."""
    with committed():
        guide.tokens()
    assert written("event") == ["consent_given"]
    audit.flush()
    assert written("event") == ["consent_given", "code_issued", "token_issued"]


def test_what_was_rolled_back_leaves_no_row(guide: Guide, committed: Committed) -> None:
    """The event never happened, so it is neither written nor queued."""
    guide.code()  # in a transaction that stays open here
    assert (audit.flush(), written("event")) == (True, [])


def test_a_batch_is_one_statement_where_the_database_allows(
    guide: Guide, committed: Committed, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    """A further row then costs no more than the transfer of its values."""
    with committed():
        guide.tokens()
        for number in range(40):
            user_id = guide.alice.pk if number % 2 else None
            signals.announce(signals.token_issued, user_id=user_id, client_id=f"app-{number}", scope="user")
    with django_assert_num_queries(4 + (connection.vendor == "postgresql")):
        audit.flush()  # SAVEPOINT, SELECT of the users, a lock, INSERT, RELEASE
    assert len(written("event")) == 43


def test_more_than_a_statement_takes_are_several(guide: Guide) -> None:
    """SQLite allows 999 values per statement. No row of a larger batch may get lost."""
    entry = audit_event.Entry(
        NOON, "token_refreshed", "done", guide.alice.pk, "", None, "", "", "", "", NOON + timedelta(days=1)
    )
    AuditEvent.objects.add_all([entry._replace(reference=str(number)) for number in range(audit.BATCH)])
    assert sorted(map(int, written("reference"))) == list(range(audit.BATCH))


# -- lifetime ----------------------------------------------------------------------------------------------------------


def test_rows_go_in_their_time(guide: Guide, committed: Committed, settings: Settings) -> None:
    """The lifetime at the time of writing counts, and the sweep deletes the rows."""
    settings.OAUTH_SERVICE_AUDIT_LIFETIME = timedelta(days=7)
    with time_machine.travel(NOON, tick=False), committed():
        guide.tokens()
    audit.flush()
    week = NOON + timedelta(days=7)
    left = []
    for moment in (week - timedelta(seconds=1), week):
        purge.sweep(now=moment)
        left.append(len(written("event")))
    assert left == [3, 0]


def test_a_lifetime_of_zero_keeps_no_trail(played: Guide, committed: Committed, settings: Settings) -> None:
    """Existing rows stay for their time, and no row is added, neither at once nor later."""
    before = len(written("event"))
    settings.OAUTH_SERVICE_AUDIT_LIFETIME = timedelta(0)
    with committed():
        play(played)
    audit.flush()
    assert (len(written("event")), before) == (before, 24)


def test_the_trail_of_a_client_outlives_it(played: Guide) -> None:
    """The operator may need the trail of a client after deleting it."""
    played.client.delete()
    assert len(written("event")) == 24


# -- failures to write -------------------------------------------------------------------------------------------------


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """A list of exceptions. Every write to the trail raises the one in it."""
    raised: list[Exception] = []

    def failing(write: Callable[..., None]) -> Callable[..., None]:
        def attempt(*arguments: Any, **values: Any) -> None:
            if raised:
                raise raised[0]
            write(*arguments, **values)

        return attempt

    for name in ("run", "run_all"):
        monkeypatch.setattr(audit_event._insert, name, failing(getattr(audit_event._insert, name)), raising=False)
    return raised  # type: ignore[return-value]


@pytest.mark.parametrize("away", AWAY)
def test_while_the_database_is_away_events_wait(
    guide: Guide, committed: Committed, fault: list[Exception], caplog: pytest.LogCaptureFixture, away: str
) -> None:
    """The order is kept, including events that are usually written at once, and no request fails."""
    fault.append(AWAY[away]())
    with committed():
        tokens = guide.tokens()
        assert guide.revoke(tokens["refresh_token"]).status_code == 200
    assert (audit.flush(), audit.flush(), written("event")) == (False, False, [])
    assert f"4 events wait for the database: {fault[0]}" in caplog.text
    fault.clear()
    assert audit.flush()
    assert written("event") == ["consent_given", "code_issued", "token_issued", "token_revoked"]


def test_a_batch_that_the_database_refuses_does_not_stop_the_next(
    guide: Guide, committed: Committed, fault: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """Trying it again would fail for ever. The loss is logged."""
    fault.append(DataError("value too long"))
    with committed():
        guide.exchange("SPL__x", client_secret="wrong")
    assert audit.flush()
    fault.clear()
    with committed():
        guide.exchange("SPL__x", client_secret="wrong")
    assert (audit.flush(), written("event")) == (True, ["client_refused"])
    assert "audit: 1 events were lost" in caplog.text


def test_more_than_memory_is_given_are_counted_instead(
    guide: Guide, committed: Committed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A flood of refusals or a long outage must not fill the memory, and the log says how many events are missing."""
    monkeypatch.setattr(audit, "MOST_WAITING", 3)
    with committed():
        for number in range(5):
            guide.server.defaults["REMOTE_ADDR"] = f"203.0.113.{number}"
            guide.exchange("SPL__x", client_secret="wrong")
    assert (audit.flush(), len(written("event"))) == (True, 3)
    assert "audit: 2 events were lost" in caplog.text
    caplog.clear()
    audit.flush()
    assert caplog.text == ""


# -- the writer --------------------------------------------------------------------------------------------------------


@pytest.fixture
def writer(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[audit._Trail]:
    """A process with a fast writer, whose connection is closed before the test database is dropped."""
    monkeypatch.setattr(audit._Trail, "start", START)
    for name, seconds in {"PAUSE_SECONDS": 0.05, "IDLE_SECONDS": 0.2, "LONGEST_PAUSE_SECONDS": 0.1}.items():
        monkeypatch.setattr(audit, name, seconds)
    monkeypatch.setattr(audit, "_trail", trail := audit._Trail())
    closed = threading.Event()
    close_all = connections.close_all

    def close() -> None:
        close_all()
        if threading.current_thread().name == "oauth_service.audit":
            closed.set()

    monkeypatch.setattr(connections, "close_all", close)
    yield trail
    closed.clear()
    assert closed.wait(20), "the writer has not closed its connection"


def eventually(events: int) -> bool:
    """Return whether there are this many rows within a few seconds."""
    deadline = time.monotonic() + 20
    while AuditEvent.objects.count() < events and time.monotonic() < deadline:
        time.sleep(0.02)
    return AuditEvent.objects.count() == events


def test_a_thread_of_its_own_writes(writer: audit._Trail, guide: Guide) -> None:
    """The first event starts the thread. It is still there for later events, after it has closed its connection."""
    names = [thread.name for thread in threading.enumerate()]
    guide.tokens()
    assert eventually(3)
    time.sleep(3 * audit.IDLE_SECONDS)
    guide.tokens()
    assert eventually(5)
    started = [thread.name for thread in threading.enumerate()]
    assert started.count("oauth_service.audit") - names.count("oauth_service.audit") == 1


def test_a_writer_that_could_not_be_started_is_by_the_next_event(
    writer: audit._Trail, guide: Guide, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a process that briefly reached its limit of threads would keep all events until it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        guide.answer()
    assert "the thread that writes events could not be started" in caplog.text
    guide.tokens()
    assert eventually(4)


def _no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_it_writes_when_the_database_is_back(writer: audit._Trail, guide: Guide, fault: list[Exception]) -> None:
    """The writer must go on after an outage of the database without a restart."""
    fault.append(OperationalError("no route to host"))
    guide.tokens()
    time.sleep(0.5)
    assert AuditEvent.objects.count() == 0
    fault.clear()
    assert eventually(3)


def test_a_child_begins_with_nothing(guide: Guide, committed: Committed) -> None:
    """The parent writes its waiting events, once."""
    with committed():
        guide.tokens()
    waiting = len(audit._trail.waiting)
    child = os.fork()
    if not child:
        os._exit(len(audit._trail.waiting) + 10 * audit._trail._started)
    _, status = os.waitpid(child, 0)
    assert (waiting, os.waitstatus_to_exitcode(status), len(audit._trail.waiting)) == (2, 0, 2)
