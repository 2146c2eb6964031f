"""A deleted user is removed from the audit trail, and the events stay."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser

from oauth_service import signals
from oauth_service.models import AuditEvent, audit_event
from oauth_service.watch import audit
from tests.database import ALIAS, connection
from tests.guide import Guide
from tests.test_audit import Committed, written
from tests.test_signals import play

Delete = Callable[[User], object]
ADDRESS = "2001:db8::7"


@pytest.fixture
def staff() -> Iterator[type[User]]:
    """A project's proxy model for some of its users, which exists when the app gets ready."""
    meta = type("Meta", (), {"proxy": True, "app_label": "oauth_service"})
    proxy = type("Staff", (User,), {"__module__": __name__, "Meta": meta})
    apps.get_app_config("oauth_service").ready()
    yield proxy
    del apps.all_models["oauth_service"]["staff"]
    apps.clear_cache()


def by_a_proxy(user: User) -> None:
    staff: Any = apps.all_models["oauth_service"]["staff"]
    staff._default_manager.using(ALIAS).get(pk=user.pk).delete()


def in_the_admin(user: User) -> None:
    root = User.objects.create_superuser("root")
    browser = Browser()
    browser.force_login(root)
    browser.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})


def by_an_action(user: User) -> None:
    root = User.objects.create_superuser("root")
    browser = Browser()
    browser.force_login(root)
    form = {"post": "yes", "action": "delete_selected", "_selected_action": user.pk}
    browser.post("/admin/auth/user/", form)


def past_the_signals(user: User) -> None:
    User.objects.filter(pk=user.pk)._raw_delete(ALIAS)
    call_command("purge")


def with_sql(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [user.pk])
    call_command("purge")


DELETIONS: list[Delete] = [
    lambda user: user.delete(),
    lambda user: User.objects.filter(pk=user.pk).delete(),
    lambda user: get_user_model()._base_manager.all().delete(),
    by_a_proxy,
    in_the_admin,
    by_an_action,
    past_the_signals,
    with_sql,
]
NAMES = ["itself", "queryset", "everybody", "proxy", "admin page", "admin action", "raw", "sql"]


@pytest.mark.parametrize("delete", DELETIONS, ids=NAMES)
def test_the_person_goes_and_the_fact_stays(
    guide: Guide, committed: Committed, staff: type[User], delete: Delete
) -> None:
    """The account may be deleted in any way. Rows of other users stay unchanged."""
    other = User.objects.create_user("dinah")
    guide.server.defaults["REMOTE_ADDR"] = guide.browser.defaults["REMOTE_ADDR"] = ADDRESS
    with committed():
        play(guide)
        signals.announce(signals.code_issued, user_id=other.pk, client_id="presc_man_123", scope="user")
    audit.flush()
    before = written("event", "outcome", "client_id", "grant_id", "scope", "reason")
    hers = AuditEvent.objects.filter(user=guide.alice)
    pks = set(hers.values_list("pk", flat=True))
    assert ADDRESS in hers.values_list("address", flat=True)
    guide.browser.logout()
    pk = guide.alice.pk
    delete(guide.alice)
    rows = AuditEvent.objects.filter(pk__in=pks)
    left: set[Any] = set(rows.values_list("user_id", "address", "reference"))
    assert left == {(None, "", "")}
    assert written("event", "outcome", "client_id", "grant_id", "scope", "reason")[: len(before)] == before
    assert not AuditEvent.objects.filter(user_id=pk).exists()
    assert AuditEvent.objects.filter(user_id=other.pk).exists() is User.objects.filter(pk=other.pk).exists()


def test_the_names_of_somebody_who_was_deleted_are_in_no_column(guide: Guide, committed: Committed) -> None:
    """The check covers every column of the table, including future ones."""
    guide.server.defaults["REMOTE_ADDR"] = guide.browser.defaults["REMOTE_ADDR"] = ADDRESS
    with committed():
        play(guide)
    audit.flush()
    pks = list(AuditEvent.objects.filter(user=guide.alice).values_list("pk", flat=True))
    guide.alice.delete()
    rows = repr(list(AuditEvent.objects.filter(pk__in=pks).values()))
    assert [word for word in ("alice", "Alice", "Liddell", "example.com", ADDRESS) if word in rows] == []


@pytest.mark.django_db(transaction=True)
def test_of_a_long_trail_the_writer_does_the_rest(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deletion of a user must not wait for a million rows."""
    play(guide)
    audit.flush()
    for module in (audit, audit_event):
        monkeypatch.setattr(module, "MOST_FORGOTTEN", 3)
    hers = AuditEvent.objects.filter(user_id=guide.alice.pk)
    before, pk = hers.count(), guide.alice.pk
    forget = AuditEvent.objects.forget
    monkeypatch.setattr(type(AuditEvent.objects), "forget", lambda manager, user_id, most=3: forget(user_id, most=most))
    guide.alice.delete()
    left = AuditEvent.objects.filter(user_id=pk).count()
    assert (before > 6, left, audit.flush()) == (True, before - 3, True)
    assert not AuditEvent.objects.filter(user_id=pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_once", [False, True])
def test_an_event_of_somebody_who_was_deleted_before_it_was_written(guide: Guide, at_once: bool) -> None:
    """
    The user was deleted, here or in another process, while the event waited. The row has no user, and others are not
    affected.
    """
    pk = guide.alice.pk
    User.objects.filter(pk=pk)._raw_delete(ALIAS)
    dinah = User.objects.create_user("dinah")
    signal = signals.app_deauthorised if at_once else signals.token_issued
    with signals.request_context("token", "POST", ADDRESS, "reference-of-hers"):
        signals.announce(signal, user_id=pk, client_id="app")
        signals.announce(signal, user_id=dinah.pk, client_id="app")
    audit.flush()
    assert written("user_id", "address", "reference") == [
        (None, "", ""),
        (dinah.pk, ADDRESS, "reference-of-hers"),
    ]


def test_a_deletion_that_is_rolled_back_takes_nobody_out(guide: Guide, committed: Committed) -> None:
    """The user still exists, so the rows keep their user."""
    with committed():
        guide.tokens()
    audit.flush()
    before = written("user_id", "address")
    with transaction.atomic(using=ALIAS):
        guide.alice.delete()
        transaction.set_rollback(True, using=ALIAS)
    audit.flush()
    assert written("user_id", "address") == before
