"""Audit events during the deletion of their user: in any order, no row is left with the id of a deleted user."""

from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum

from oauth_service import database, signals
from oauth_service.models import AuditEvent
from oauth_service.watch import audit
from tests.concurrency.deletions import repeated
from tests.concurrency.threads import PATIENCE_SECONDS, started, stopped, together
from tests.database import ALIAS, connection

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
EVENTS = {"at once": signals.app_deauthorised, "queued": signals.token_issued}


@pytest.fixture
def alice() -> User:
    """A user without anything but her audit trail."""
    user = User.objects.create_user("alice")
    for signal in EVENTS.values():
        signals.announce(signal, user_id=user.pk, client_id="before")
    audit.flush()
    return user


def happen(name: str, *users: User) -> None:
    """Write an event of each user."""
    with signals.request_context("token", "POST", "203.0.113.7", "reference"):
        for user in users:
            signals.announce(EVENTS[name], user_id=user.pk, client_id="app")
    audit.flush()


def dead_rows() -> list[int]:
    """Return the rows that name a deleted user, or an address without a user."""
    users = User.objects.values("pk")
    rows = AuditEvent.objects.filter(client_id__in=["before", "app"])
    left = [rows.filter(user__isnull=False).exclude(user_id__in=users), rows.filter(user=None).exclude(address="")]
    return [pk for each in left for pk in each.values_list("pk", flat=True)]


def delete(*users: User) -> object:
    """Delete users in a transaction."""
    found = User.objects.filter(pk__in=[user.pk for user in users])

    def run() -> object:
        return [user.delete() for user in found.all()] if len(users) == 1 else found.all().delete()

    return repeated(partial(database.run_transaction, run))


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("step", ["SELECT", 'UPDATE "oauth_service_auditevent"', 'DELETE FROM "auth_user"'])
def test_an_event_during_a_deletion(alice: User, name: str, step: str) -> None:
    """The deletion is stopped at each of its steps. The event is written after it, or the deletion finds the event."""
    with stopped(partial(delete, alice), before=step) as deletion:
        event = started(partial(happen, name, alice))
    deletion.result(PATIENCE_SECONDS)
    event.result(PATIENCE_SECONDS)
    assert audit.flush()
    assert (dead_rows(), AuditEvent.objects.filter(client_id="app").count()) == ([], 1)


@pytest.mark.parametrize("name", EVENTS)
def test_a_deletion_while_an_event_is_written(alice: User, name: str) -> None:
    """The writer holds the user's row until its own rows are written."""
    with stopped(partial(happen, name, alice), before=("INSERT", "WITH")) as event:
        deletion = started(partial(delete, alice))
    event.result(PATIENCE_SECONDS)
    deletion.result(PATIENCE_SECONDS)
    assert audit.flush()
    assert (dead_rows(), AuditEvent.objects.filter(client_id="app").count()) == ([], 1)


@on_postgresql
@pytest.mark.parametrize("name", EVENTS)
def test_a_deletion_that_sees_the_table_as_it_was(alice: User, name: str) -> None:
    """A REPEATABLE READ transaction does not find rows written after it began, so the writer cleans up after it."""

    def delete_later() -> None:
        with transaction.atomic(using=ALIAS):
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT 1 FROM auth_user LIMIT 1")
                cursor.execute("SELECT 'go on'")
            delete(alice)

    with stopped(delete_later, before="SELECT 'go on'") as deletion:
        happen(name, alice)
    deletion.result(PATIENCE_SECONDS)
    assert audit.flush()
    assert dead_rows() == []


def test_many_events_meet_many_deletions() -> None:
    """No order of locked users may cause a failure or a deadlock."""
    users = [User.objects.create_user(f"user-{number}") for number in range(12)]
    deletions = [partial(delete, *users[at::3]) for at in range(3)]
    events = [partial(happen, name, *each) for name in EVENTS for each in (users, users[::-1])]
    together(*deletions, *events)
    assert audit.flush()
    told = AuditEvent.objects.filter(client_id="app").aggregate(count=Sum("event_count"))["count"]
    assert (dead_rows(), told) == ([], 48)


@on_postgresql
def test_a_locked_user_delays_no_events_of_other_users(alice: User) -> None:
    """The event of a locked user waits, and those of other users are written."""
    dinah = User.objects.create_user("dinah")

    def hold() -> None:
        with transaction.atomic(using=ALIAS):
            list(User.objects.select_for_update().filter(pk=alice.pk))
            with connection.cursor() as cursor:
                cursor.execute("SELECT 'held'")

    with stopped(hold, before="SELECT 'held'"):
        signals.announce(signals.token_issued, user_id=alice.pk, client_id="app")
        signals.announce(signals.token_issued, user_id=dinah.pk, client_id="app")
        assert not audit.flush()
        assert list(AuditEvent.objects.filter(client_id="app").values_list("user_id", flat=True)) == [dinah.pk]
    assert audit.flush()
    assert AuditEvent.objects.filter(client_id="app", user=alice).count() == 1
