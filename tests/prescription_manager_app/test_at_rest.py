"""A stolen database of this app reveals no token."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescription_manager_app.models import Connection, RecordedExchange
from prescription_manager_app.sealing import UnreadableError, seal, unseal
from tests.prescription_manager_app.conftest import Browser


def test_what_was_sealed_can_be_unsealed_by_its_owner() -> None:
    assert unseal(seal("a token", owner="row 1"), owner="row 1") == "a token"


def test_a_sealed_text_copied_into_another_row_is_unreadable() -> None:
    """An attacker with write access must not be able to give one patient's tokens to another."""
    with pytest.raises(UnreadableError):
        unseal(seal("a token", owner="row 1"), owner="row 2")


def test_an_altered_text_is_unreadable() -> None:
    sealed = bytearray(seal("a token", owner="row 1"))
    sealed[40] ^= 1
    with pytest.raises(UnreadableError):
        unseal(bytes(sealed), owner="row 1")


def test_a_replaced_secret_key_still_reads_while_it_is_a_fallback(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    sealed = seal("a token", owner="row 1")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert unseal(sealed, owner="row 1") == "a token"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(UnreadableError):
        unseal(sealed, owner="row 1")


def everything_stored() -> str:
    """The whole database, as a thief would read it; sessions decoded."""
    with database.cursor() as cursor:
        rows = []
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  # names of our own tables
            rows += cursor.fetchall()
    return repr(rows) + repr([session.get_decoded() for session in Session.objects.all()])


def test_neither_database_nor_session_holds_a_token(alice: Browser) -> None:
    tokens = Connection.objects.get().tokens
    stored = everything_stored()
    assert str(Connection.objects.get().pk) in stored, "this looks at the right thing"
    assert tokens.access_token not in stored
    assert tokens.refresh_token not in stored


@pytest.mark.usefixtures("development")
def test_the_recording_is_sealed_too(browser: Browser) -> None:
    browser.connect()
    tokens = Connection.objects.get().tokens
    stored = everything_stored()
    assert RecordedExchange.objects.count() >= 4
    for secret in (tokens.access_token, tokens.refresh_token, "ITS_A_VERY_SECRET_KEY", "SPL__"):
        assert secret not in stored


def test_the_browser_gets_no_token(alice: Browser) -> None:
    tokens = Connection.objects.get().tokens
    sent = repr(alice.client.cookies) + alice.home().text
    assert tokens.access_token not in sent
    assert tokens.refresh_token not in sent


def test_nothing_shows_a_token_by_accident(alice: Browser) -> None:
    """Tracebacks, logs and debuggers show variables."""
    connection = Connection.objects.get()
    shown = f"{connection!r} {connection} {connection.tokens!r}"
    assert connection.tokens.access_token not in shown


def test_connections_that_no_session_can_reach_are_swept(alice: Browser) -> None:
    Connection.objects.update(purge_at=timezone.now() - timedelta(seconds=1))
    left_behind = Connection.objects.get()
    Browser(Client(), alice.server).connect()
    assert Connection.objects.count() == 1
    assert not Connection.objects.filter(pk=left_behind.pk).exists()
