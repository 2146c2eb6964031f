"""Repeated requests cannot make the trail grow: the rows per user, client and event are limited, whatever is sent."""

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.models import Sum

from oauth_service import signals
from oauth_service.models import AuditEvent, Client
from oauth_service.models.audit_event import LONGEST_CHANGES, Entry
from oauth_service.watch import audit, repeats
from tests.database import connection
from tests.guide import Guide
from tests.test_audit import Committed, written
from tests.test_signals import EVENTS, documented

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOLD = sorted(set(EVENTS) - {"request_answered"})
MANY = 300


def facts_of(name: str, guide: Guide, number: int) -> dict[str, Any]:
    """Return the facts of an event, as different from those before as a caller can make them."""
    one: dict[str, Any] = {
        "user_id": guide.alice.pk,
        "client_id": guide.client.client_id,
        "username": "alice",
        "grant_id": UUID(int=number),
        "last_used_at": None,
    }
    return {fact: one.get(fact, f"{fact} {number}") for fact in documented()[name].split(", ")}


def happen(name: str, guide: Guide, committed: Committed, *, times: int = MANY, at: datetime = NOON) -> None:
    """Cause an event many times in a minute, from as many addresses, written in several batches."""
    for number in range(times):
        moment = at + timedelta(milliseconds=number)
        context = signals.RequestContext("token", f"2001:db8::{number:x}", f"reference-{number}")
        with time_machine.travel(moment, tick=False), committed(), signals.use_request_context(context):
            signals.announce(EVENTS[name], **facts_of(name, guide, number))
        if number % 50 == 0:
            audit.flush()
    audit.flush()


@pytest.mark.parametrize("name", TOLD)
def test_rows_of_every_event_are_bounded(guide: Guide, committed: Committed, name: str) -> None:
    """The limit holds even if every event differs, and every event is counted."""
    happen(name, guide, committed)
    rows = AuditEvent.objects.filter(event=name)
    is_nobodys = not {"user_id", "client_id", "username"} & set(facts_of(name, guide, 1))
    most = repeats.MOST_OF_ALL if is_nobodys or name == "administered" else repeats.MOST_DIFFERENT
    assert rows.count() <= most + 1
    assert rows.aggregate(all=Sum("event_count"))["all"] == MANY


@pytest.mark.parametrize("name", TOLD)
def test_the_last_row_shows_the_latest_of_the_others(guide: Guide, committed: Committed, name: str) -> None:
    """Auditors see the latest time, address and reference, and that the counted events differ."""
    happen(name, guide, committed)
    row = AuditEvent.objects.filter(event=name, changes__startswith=repeats.OTHERS).get()
    last = MANY - 1
    assert (row.address, row.reference) == (f"2001:db8::{last:x}", f"reference-{last}")
    assert row.last_at == NOON + timedelta(milliseconds=last)
    assert row.event_count >= MANY - repeats.MOST_OF_ALL


@pytest.mark.parametrize("name", TOLD)
def test_another_hour_another_user_and_another_client_have_rows_of_their_own(
    guide: Guide, committed: Committed, name: str
) -> None:
    """A flood for one user or client must not hide events of another."""
    happen(name, guide, committed, times=120)
    before = AuditEvent.objects.filter(event=name).count()
    happen(name, guide, committed, times=1, at=NOON + HOUR)
    after = AuditEvent.objects.filter(event=name).count()
    guide.alice = User.objects.create_user("dinah")
    guide.client = Client.objects.create(client_id="other", name="Other")
    facts = facts_of(name, guide, 1) | ({"username": "dinah"} if "username" in documented()[name] else {})
    with time_machine.travel(NOON, tick=False), committed():
        signals.announce(EVENTS[name], **facts)
    audit.flush()
    last = AuditEvent.objects.filter(event=name).count()
    assert after - before == 1
    assert last - after == bool({"user_id", "client_id", "username"} & set(facts)) or last > before


def test_events_without_a_user_share_one_limit(guide: Guide, committed: Committed) -> None:
    """A stranger can use any number of addresses and names."""
    for number in range(MANY):
        context = signals.RequestContext("login", f"2001:db8::{number:x}")
        with time_machine.travel(NOON, tick=False), committed(), signals.use_request_context(context):
            signals.announce(signals.login_refused, username=f"nobody-{number}", reason="wrong username or password")
            signals.announce(signals.client_refused, client_id=f"nobody-{number}", reason="no such client")
    audit.flush()
    assert AuditEvent.objects.count() <= 2 * (repeats.MOST_OF_ALL + 1)
    assert AuditEvent.objects.aggregate(all=Sum("event_count"))["all"] == 2 * MANY


def test_a_client_that_repeats_its_refreshes_writes_one_row_an_hour(guide: Guide, committed: Committed) -> None:
    """Such a client used to write millions of rows within ninety days."""
    with time_machine.travel(NOON, tick=False), committed():
        token = guide.tokens()["refresh_token"]
        guide.refresh(token)
        for _ in range(50):
            guide.refresh(token)
    audit.flush()
    assert AuditEvent.objects.filter(event="refresh_retried").count() == 1


def test_silent_answers_of_authorise_are_one_row_an_hour(guide: Guide, committed: Committed) -> None:
    """A page may send such requests again and again in a frame, for a user who allowed it."""
    with time_machine.travel(NOON, tick=False), committed():
        guide.answer()
        for _ in range(50):
            assert guide.ask().status_code == 302
    audit.flush()
    assert written("event", "event_count") == [("consent_given", 1), ("code_issued", 51)]


def test_what_a_person_decides_has_a_row_each(guide: Guide, committed: Committed) -> None:
    """An app that was allowed, withdrawn and allowed again has three rows, in this order."""
    with time_machine.travel(NOON), committed():
        for _ in range(3):
            guide.answer()
            guide.deauthorise()
    audit.flush()
    rows = AuditEvent.objects.filter(event__in=("consent_given", "app_deauthorised"))
    assert list(rows.order_by("at").values_list("event", flat=True)) == ["consent_given", "app_deauthorised"] * 3


def test_several_processes_count_on_one_row(guide: Guide, committed: Committed) -> None:
    """Equal events have the same bucket in every process, without coordination."""
    for _process in range(3):
        audit._trail.repeats.forget()
        with time_machine.travel(NOON, tick=False), committed():
            guide.exchange("SPL__x", client_secret="wrong")
        audit.flush()
    assert written("event", "event_count") == [("client_refused", 3)]


def test_a_batch_that_could_not_be_written_is_counted_once(
    guide: Guide, committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch waits, and all its events are counted when it is written."""

    add_all = type(AuditEvent.objects).add_all
    failures: Iterator[None] = iter([None])

    def failing(manager: Any, entries: Any) -> Any:
        if next(failures, True) is None:
            raise OperationalError("no route to host")
        return add_all(manager, entries)

    monkeypatch.setattr(type(AuditEvent.objects), "add_all", failing)
    with time_machine.travel(NOON, tick=False), committed():
        for _ in range(3):
            guide.exchange("SPL__x", client_secret="wrong")
    assert (audit.flush(), audit.flush()) == (False, True)
    assert written("event", "event_count") == [("client_refused", 3)]


def test_a_row_of_somebody_who_is_gone_belongs_to_no_bucket(guide: Guide, committed: Committed) -> None:
    """The bucket includes the user: somebody could try all users to find the one that fits."""
    with committed():
        guide.tokens()
    audit.flush()
    assert None not in written("bucket")
    guide.alice.delete()
    assert set(written("bucket")) == {None}


def test_the_users_and_clients_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a process must not grow with the users and clients that it meets."""
    monkeypatch.setattr(repeats, "MOST_GROUPS", 50)
    known = repeats.Repeats()
    entry = Entry(NOON, "token_issued", "done", None, "app", uuid4(), "", "", "", "", NOON)
    for number in range(500):
        known.with_bucket(entry._replace(user_id=number))
    assert len(known._different) <= 50
    assert len(pickle.dumps(known._different)) < 10_000


def test_the_bucket_of_an_hour_lies_behind_that_of_the_hour_before() -> None:
    """An index of buckets then grows at its end."""
    entry = Entry(NOON, "token_issued", "done", 1, "app", None, "", "", "", "", NOON)
    placed = [repeats.Repeats().with_bucket(entry._replace(at=NOON + hour * HOUR)).bucket for hour in range(50)]
    assert placed == sorted(placed, key=lambda bucket: bucket.bytes if bucket else b"")
    assert len(set(placed)) == 50


def test_what_is_told_of_the_others_fits(guide: Guide, committed: Committed) -> None:
    """The changes of one administrator may fill the column on their own."""
    for number in range(repeats.MOST_OF_ALL + 5):
        with time_machine.travel(NOON + timedelta(seconds=number), tick=False), committed():
            facts = {**facts_of("administered", guide, number), "changes": f"{number} {'x' * LONGEST_CHANGES}"}
            signals.announce(signals.administered, **facts)
    assert max(len(changes) for changes in written("changes")) == LONGEST_CHANGES
    assert AuditEvent.objects.count() == repeats.MOST_OF_ALL + 1


def test_where_a_row_cannot_be_added_to_each_event_has_its_own(
    guide: Guide, committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ON CONFLICT no event is lost."""
    monkeypatch.setattr(connection.features, "supports_update_conflicts_with_target", False)
    monkeypatch.setattr("oauth_service.models.audit_event._insert._with_user", {})
    with committed():
        guide.tokens()
        guide.deauthorise()
        guide.exchange("SPL__x", client_secret="wrong")
    audit.flush()
    with committed():
        guide.exchange("SPL__x", client_secret="wrong")
    audit.flush()
    assert AuditEvent.objects.filter(event="client_refused").count() == 2
    assert AuditEvent.objects.count() == 6
