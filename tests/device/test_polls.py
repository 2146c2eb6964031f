"""The interval between a device's polls, and the cost of a poll."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from oauth_service.models import DeviceCode, purge
from oauth_service.protocol.device_code import LONGEST_INTERVAL, TOLERANCE, pace_of
from tests.database import connection
from tests.device.actors import Device, Visitor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIVE = timedelta(seconds=5)


def test_a_poll_in_time_keeps_the_interval() -> None:
    """A poll is in time after an interval, or slightly earlier."""
    pace = pace_of(interval=FIVE, next_poll_at=NOW, now=NOW)
    assert pace
    assert (pace.interval, pace.next_poll_at, pace.is_too_early) == (FIVE, NOW + FIVE - TOLERANCE, False)


def test_the_interval_grows_to_a_minute_and_no_further() -> None:
    """Once the interval is a minute, the server does not even store polls that are too early."""
    interval, next_poll_at, writes = FIVE, NOW + FIVE, 0
    while pace := pace_of(interval=interval, next_poll_at=next_poll_at, now=NOW):
        interval, next_poll_at, writes = pace.interval, pace.next_poll_at, writes + 1
        assert pace.is_too_early
    assert (interval, writes) == (LONGEST_INTERVAL, 11)


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_polls_writes_a_bounded_number_of_times(tv: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone who knows a public client_id can get a device code and poll without a pause."""
    device_code = tv.begun()["device_code"]
    written: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            written.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        errors = [tv.error(device_code) for _ in range(50)]
    assert (errors[0], set(errors[1:])) == ("authorization_pending", {"slow_down"})
    assert len(written) <= 12


@pytest.mark.django_db(transaction=True)
class TestBudgets:
    """The counts include BEGIN and COMMIT."""

    @pytest.fixture(autouse=True)
    def warm(self, tv: Device, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
        """Compile the statements, and keep the sweep from running."""
        begun = tv.begun()
        tv.poll(begun["device_code"])
        visitor.allow(begun["user_code"])
        tv.poll(begun["device_code"])
        monkeypatch.setattr(purge, "_next_at", float("inf"))

    def test_to_begin_costs_two(self, tv: Device, django_assert_max_num_queries: Any) -> None:
        """Read the client; then insert the row."""
        with django_assert_max_num_queries(2):
            tv.begun()

    def test_a_poll_in_time_costs_a_read_and_a_small_write(
        self, tv: Device, django_assert_max_num_queries: Any
    ) -> None:
        """Read the device code with its client; then store the time of the next poll."""
        device_code = tv.begun()["device_code"]
        with django_assert_max_num_queries(2):
            assert tv.error(device_code) == "authorization_pending"

    def test_a_poll_that_comes_too_often_costs_a_read(self, tv: Device, django_assert_max_num_queries: Any) -> None:
        """Nothing is written once the interval has reached its maximum."""
        device_code = tv.begun()["device_code"]
        DeviceCode.objects.update(interval=60, next_poll_at=F("expires_at"))
        with django_assert_max_num_queries(1):
            assert tv.error(device_code) == "slow_down"

    def test_a_redemption_costs_what_an_exchange_does(
        self, tv: Device, visitor: Visitor, django_assert_max_num_queries: Any
    ) -> None:
        """
        Read the device code with client, consent and user; then DELETE and INSERT, which are one statement on
        PostgreSQL.
        """
        begun = tv.begun()
        visitor.allow(begun["user_code"])
        with django_assert_max_num_queries(2 if connection.vendor == "postgresql" else 5):
            assert tv.poll(begun["device_code"]).status_code == 200


def test_polls_that_wait_for_a_person_are_no_warnings(tv: Device, caplog: pytest.LogCaptureFixture) -> None:
    """A television that waits for ten minutes polls a hundred times, which would fill the log."""
    device_code = tv.begun()["device_code"]
    with caplog.at_level("WARNING", logger="oauth_service"):
        tv.poll(device_code)
        tv.poll(device_code)
    assert [record for record in caplog.records if record.name.startswith("oauth_service")] == []


def test_an_approved_device_is_answered_at_once(tv: Device, visitor: Visitor) -> None:
    """Making an early poll wait has no use once the user has allowed the device."""
    begun = tv.begun()
    with time_machine.travel(timezone.now(), tick=False):
        tv.poll(begun["device_code"])
        visitor.allow(begun["user_code"])
        assert tv.poll(begun["device_code"]).status_code == 200
