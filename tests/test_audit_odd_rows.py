"""An odd event never loses other events: it is written as far as possible, or left out and logged."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User, UserManager
from django.db import models

from oauth_service import audit as public
from oauth_service import signals
from oauth_service.models import AuditEvent
from oauth_service.models.audit_event import Entry
from oauth_service.watch import audit
from tests.test_audit import Committed, written

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GOOD = Entry(
    at=NOON,
    event="token_issued",
    outcome="done",
    user_id=None,
    client_id="app",
    grant_id=UUID(int=1),
    scope="user",
    reason="",
    address="203.0.113.7",
    reference="0123456789ab",
    purge_at=NOON + timedelta(days=90),
)
ODD_TEXTS = ["a\0b", "a\ud800b", "x" * 5_000, None, 7]
ODD_KEYS = [None, -1, 404, "x", "\0", 2**70, object(), b"\0"]
COLUMNS = [field.attname for field in AuditEvent._meta.concrete_fields if field.attname in Entry._fields]
TEXTS = [field.attname for field in AuditEvent._meta.concrete_fields if isinstance(field, models.CharField)]


def odd_values(column: str) -> list[Any]:
    """Return values that do not fit into a column."""
    return ODD_TEXTS if column in TEXTS else ODD_KEYS


def test_every_column_is_tried() -> None:
    """A developer who adds a column must add an odd value for it."""
    assert sorted(COLUMNS) == sorted(Entry._fields)
    assert len(TEXTS) > 5


@pytest.mark.parametrize("column", COLUMNS)
def test_an_odd_value_in_any_column_costs_nobody_else_a_row(
    db: None, caplog: pytest.LogCaptureFixture, column: str
) -> None:
    """The values include NUL, lone surrogates, too long texts, wrong types and None, in the middle of a batch."""
    for value in odd_values(column):
        AuditEvent.objects.all().delete()
        odd = GOOD._replace(**{"address": "odd", column: value})
        for entry in (GOOD, odd, GOOD._replace(address="::1")):
            audit._trail.put(entry)
        assert audit.flush()
        addresses = written("address")
        assert (addresses[0], addresses[-1]) == (GOOD.address, "::1")
        assert len(addresses) in (2, 3)
        if len(addresses) == 2:
            assert "audit: 1 events were lost" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("column", TEXTS)
def test_a_text_that_does_not_fit_is_written_as_far_as_it_does(
    db: None, caplog: pytest.LogCaptureFixture, column: str
) -> None:
    """The event is kept, and the log names the columns that lost something."""
    length = next(field.max_length for field in AuditEvent._meta.concrete_fields if field.attname == column)
    for value in ("a\0b\ud800", "x" * 5_000):
        AuditEvent.objects.all().delete()
        caplog.clear()
        audit._trail.put(GOOD._replace(**{column: value}))  # type: ignore[arg-type]
        audit.flush()
        assert written(column) == [value.replace("\0", "\ufffd").replace("\ud800", "\ufffd")[:length]]
        assert f"audit: {GOOD.event if column != 'event' else ''}" in caplog.text
        assert f"do not fit into the columns: {[column]}" in caplog.text


def test_events_that_all_are_odd_are_all_told_of(db: None, caplog: pytest.LogCaptureFixture) -> None:
    """The writer must not try the same batch for ever."""
    for number in range(20):
        audit._trail.put(GOOD._replace(purge_at=None, client_id=str(number)))  # type: ignore[arg-type]
    audit._trail.put(GOOD)
    assert (audit.flush(), written("event")) == (True, ["token_issued"])
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert (len(told), told[-1]) == (21, "audit: 20 events were lost")
    assert told[0].startswith("audit: token_issued could not be written: IntegrityError")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", ODD_TEXTS)
def test_what_is_written_at_once_is_cleaned_too(value: Any) -> None:
    """Such a row has a statement of its own, and must not fail the request."""
    signals.announce(signals.app_deauthorised, user_id=None, client_id=value)
    audit.flush()
    assert written("event") == ["app_deauthorised"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["x", 2**70, b"\0"])
def test_an_odd_user_loses_the_user_alone_where_the_row_can_be_written(key: Any) -> None:
    """If the database refuses the row even without its user, only this row is lost."""
    signals.announce(signals.app_deauthorised, user_id=key, client_id="app")
    signals.announce(signals.app_deauthorised, user_id=None, client_id="other")
    audit.flush()
    assert written("client_id")[-1] == "other"
    assert set(written("user_id")) == {None}


@pytest.mark.parametrize("name", ["", "a\0b", "a\ud800b", "x" * 100_000, "\U0001f600", "1e999", "{}", "%s", "' OR 1=1"])
def test_no_typed_name_costs_others_their_rows(db: None, committed: Committed, name: str) -> None:
    """A typed name is looked up among the accounts, a client_id among the clients."""
    with committed():
        signals.announce(signals.login_refused, username=name, reason="wrong username or password")
        signals.announce(signals.client_refused, client_id=name, reason="no such client")
        signals.announce(signals.token_issued, user_id=None, client_id="app", scope="user")
    assert public.flush()
    assert written("event", "user_id", "client_id") == [
        ("login_refused", None, ""),
        ("client_refused", None, ""),
        ("token_issued", None, "app"),
    ]


@pytest.mark.parametrize(
    "failure", [User.MultipleObjectsReturned("two"), ValueError("no number"), RuntimeError("the project's")]
)
def test_a_name_of_several_accounts_is_nobodys(
    db: None,
    committed: Committed,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    """The project's own manager does the lookup, and may find two accounts or fail."""

    def several(manager: object, name: str) -> User:
        raise failure

    monkeypatch.setattr(UserManager, "get_by_natural_key", several)
    with committed():
        signals.announce(signals.login_refused, username="BOB@example.com", reason="wrong username or password")
        signals.announce(signals.token_issued, user_id=None, client_id="app", scope="user")
    audit.flush()
    assert written("event", "user_id") == [("login_refused", None), ("token_issued", None)]
    assert f"could not be found: {type(failure).__name__}" in caplog.text
    assert "BOB" not in " ".join(record.getMessage() for record in caplog.records if "audit" in record.name)


def test_a_refused_sign_in_beside_them_is_still_found(db: None, committed: Committed) -> None:
    """Known accounts in the same batch are still identified."""
    alice = User.objects.create_user("alice")
    with committed():
        signals.announce(signals.login_refused, username="a\0b", reason="wrong username or password")
        authenticate(username="alice", password="wrong")
    audit.flush()
    assert written("user_id") == [None, alice.pk]
