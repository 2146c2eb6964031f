"""The last use of a previous secret is recorded once an hour, and costs other clients nothing."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError

from oauth_service.clients import authentication
from oauth_service.models import Client
from tests.architecture.test_query_budgets import at_most
from tests.clients.test_macs import by, status
from tests.guide import SECRET, Guide

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "AT_" + "A" * 86  # unknown: a revocation authenticates the client, and does no more


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    """Noon, until a test moves it. No client of another test is remembered."""
    authentication.forget_secrets()
    with time_machine.travel(NOON, tick=False) as travels:
        yield travels


def authenticates(guide: Guide, secret: str) -> None:
    """The client makes a request with one of its secrets."""
    assert guide.revoke(TOKEN, client_secret=secret).status_code == 200


def used_at(client: Client) -> datetime | None:
    """The last use of the previous secret that the row has."""
    client.refresh_from_db()
    return client.previous_secret_used_at


@pytest.mark.parametrize("is_chosen", [True, False], ids=["chosen by a person", "made by the server"])
def test_the_use_of_the_previous_secret_is_recorded(guide: Guide, is_chosen: bool) -> None:
    """Staff must see that the client does not have the new secret yet."""
    previous = SECRET if is_chosen else Client.objects.rotate_secret(guide.client)
    Client.objects.rotate_secret(guide.client)
    assert used_at(guide.client) is None
    authenticates(guide, previous)
    assert used_at(guide.client) == NOON


def test_the_use_of_the_newest_secret_is_not_recorded(guide: Guide) -> None:
    """The newest secret says nothing about the previous one."""
    authenticates(guide, Client.objects.rotate_secret(guide.client))
    assert used_at(guide.client) is None


def test_the_use_of_the_key_of_a_mac_is_recorded(guide: Guide) -> None:
    """client_secret_jwt rotates alike."""
    guide.client.token_endpoint_auth_method = "client_secret_jwt"
    guide.client.save()
    previous, newest = [Client.objects.rotate_secret(guide.client) for _ in range(2)]
    assert (status(guide, by(guide.client, newest).proof()), used_at(guide.client)) == (200, None)
    assert (status(guide, by(guide.client, previous).proof()), used_at(guide.client)) == (200, NOON)


def test_it_is_written_once_an_hour(guide: Guide, clock: Any) -> None:
    """A busy client must not write its row with every request."""
    Client.objects.rotate_secret(guide.client)
    found = []
    for minutes in (0, 30, 59, 60, 90):
        clock.move_to(NOON + timedelta(minutes=minutes))
        authenticates(guide, SECRET)
        found.append(used_at(guide.client))
    assert found == [NOON] * 3 + [NOON + timedelta(hours=1)] * 2


def test_another_process_does_not_write_it_again(guide: Guide, clock: Any) -> None:
    """Each process remembers its own writes; the row decides."""
    Client.objects.rotate_secret(guide.client)
    authenticates(guide, SECRET)
    clock.move_to(NOON + timedelta(minutes=30))
    authentication.forget_secrets()  # as a process that has just started
    authenticates(guide, SECRET)
    assert used_at(guide.client) == NOON


def test_only_the_use_of_a_previous_secret_costs_a_statement(guide: Guide) -> None:
    """The first use of an hour costs one UPDATE. The newest secret costs none, with or without a previous one."""
    authenticates(guide, SECRET)
    with at_most(1):
        authenticates(guide, SECRET)
    newest = Client.objects.rotate_secret(guide.client)
    with at_most(1):
        authenticates(guide, newest)
    authenticates(guide, SECRET)
    with at_most(1):
        authenticates(guide, SECRET)


def test_after_another_rotation_the_next_use_is_recorded_at_once(guide: Guide, clock: Any) -> None:
    """The newest secret has become the previous one. If an hour passed first, staff would read that it is unused."""
    in_use = Client.objects.rotate_secret(guide.client)
    authenticates(guide, SECRET)
    Client.objects.rotate_secret(guide.client)
    assert used_at(guide.client) is None
    clock.move_to(NOON + timedelta(minutes=1))
    authenticates(guide, in_use)
    assert used_at(guide.client) == NOON + timedelta(minutes=1)


def test_a_database_that_takes_no_writes_refuses_no_client(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log reports the failure, and the next attempt follows in an hour."""

    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("read-only")

    monkeypatch.setattr(type(Client.objects), "record_use_of_previous_secret", fail)
    Client.objects.rotate_secret(guide.client)
    with caplog.at_level(logging.WARNING, logger="oauth_service.clients"):
        authenticates(guide, SECRET)
        authenticates(guide, SECRET)
    sentence = "The use of the previous secret of client presc_man_123 could not be recorded: OperationalError."
    assert [record.getMessage() for record in caplog.records if record.name == "oauth_service.clients"] == [sentence]
