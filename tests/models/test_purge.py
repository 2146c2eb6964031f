"""The sweep: dead rows disappear by themselves, and no request waits for that."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, models
from django.utils import timezone

from oauth_service.models import AuthorizationCode, Consent, Grant, Once, RevokedToken, purge
from tests.guide import Guide

MODELS: tuple[type[models.Model], ...] = (AuthorizationCode, Consent, Grant, Once, RevokedToken)


def test_every_row_that_can_die_goes_in_its_time(guide: Guide) -> None:
    """
    A code lives for a minute, an assertion for five, a revoked token for an hour, a grant until a day after its end.
    """
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        guide.code()
        guide.revoke(guide.tokens()["access_token"])
        Once.objects.use("assertion", "jti", until=start + timedelta(minutes=5))
    left = {}
    for name, age in {"minute": 1, "hour": 60, "month": 30 * 24 * 60, "month and a day": 31 * 24 * 60}.items():
        purge.sweep(now=start + timedelta(minutes=age, seconds=1))
        left[name] = {model.__name__: model._default_manager.count() for model in MODELS}
    gone = {name: sorted(model for model, count in counts.items() if not count) for name, counts in left.items()}
    assert gone == {
        "minute": ["AuthorizationCode"],
        "hour": ["AuthorizationCode", "Once", "RevokedToken"],
        "month": ["AuthorizationCode", "Once", "RevokedToken"],
        "month and a day": ["AuthorizationCode", "Grant", "Once", "RevokedToken"],
    }


def test_a_sweep_takes_a_batch_and_the_oldest_first(guide: Guide) -> None:
    """The sweep runs as part of a request, which must not wait for a whole backlog."""
    for _ in range(5):
        guide.code()
    ages = dict(enumerate(AuthorizationCode.objects.order_by("pk").values_list("pk", flat=True), start=1))
    now = timezone.now()
    for age, pk in ages.items():
        AuthorizationCode.objects.filter(pk=pk).update(purge_at=now - timedelta(hours=age))
    assert (purge.sweep(now=now, batch=2), AuthorizationCode.objects.count()) == (2, 3)
    assert not AuthorizationCode.objects.filter(pk__in=[ages[4], ages[5]]).exists()


def test_a_connection_that_was_refreshed_is_not_swept(guide: Guide) -> None:
    """A refresh restarts the lifetime of the grant."""
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        tokens = guide.tokens()
    with time_machine.travel(start + timedelta(days=29), tick=False):
        guide.refresh(tokens["refresh_token"])
    assert (purge.sweep(now=start + timedelta(days=40)), Grant.objects.count()) == (0, 1)


class Riding:
    """A process that gets one request per second, and whose sweeps find a given number of rows."""

    def __init__(self) -> None:
        self.seconds = 0
        self.found = 0
        self.sweeps: list[int] = []

    def monotonic(self) -> float:
        """Return the time of the process's clock, in seconds."""
        return float(self.seconds)

    def sweep(self, *, now: datetime) -> int:
        """Record a sweep, and return the number of rows that it was told to find."""
        self.sweeps.append(self.seconds)
        return self.found

    def requests(self, found: list[int]) -> list[int]:
        """Send one request for each number of rows to find. Return the seconds in which a sweep ran."""
        for self.found in found:
            self.seconds += 1
            purge.ride_along(now=timezone.now())
        return self.sweeps


@pytest.fixture
def riding(monkeypatch: pytest.MonkeyPatch) -> Riding:
    """Return a process that has just started."""
    process = Riding()
    monkeypatch.setattr(purge, "time", process)
    monkeypatch.setattr(purge, "sweep", process.sweep)
    monkeypatch.setattr(purge, "_next_at", 0.0)
    return process


def test_a_sweep_rides_along_once_a_minute(riding: Riding) -> None:
    """Sweeping on every request would be a waste."""
    assert riding.requests([1] * 100) == [1, 61]


def test_a_backlog_is_swept_without_a_pause(riding: Riding) -> None:
    """A full batch means that there may be more rows to delete."""
    assert riding.requests([purge.BATCH, purge.BATCH, 3, 0, 0]) == [1, 2, 3]


def test_only_one_thread_sweeps_at_a_time(riding: Riding) -> None:
    """Requests on other threads respond without waiting for the sweep."""
    with purge._turn:
        assert riding.requests([1]) == []
    assert riding.requests([1]) == [2]


def test_a_sweep_that_fails_costs_nobody_their_answer(
    guide: Guide, riding: Riding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The code is used up by then: a client without a response would send it again, and that would end its connection.
    """

    def deadlock(*, now: datetime) -> int:
        riding.sweeps.append(riding.seconds)
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(purge, "sweep", deadlock)
    tokens = guide.tokens()
    assert guide.is_alive(tokens["access_token"])
    assert "the sweep of expired rows failed" in caplog.text
    assert riding.requests([0] * 100) == [0, 60]
