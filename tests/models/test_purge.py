"""The sweep: dead rows go by themselves, and nobody waits for it."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, models
from django.utils import timezone

from oauth_service.models import AuthorizationCode, Consent, Grant, Once, RevokedToken, purge
from tests.guide import Guide

MODELS: tuple[type[models.Model], ...] = (AuthorizationCode, Consent, Grant, Once, RevokedToken)


def test_every_row_that_can_die_goes_in_its_time(guide: Guide) -> None:
    """A code has a minute, an assertion five, a revoked token an hour, a grant a day after its end; the consent stays."""
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
    """It rides on somebody's request: that one must not wait for a backlog."""
    for _ in range(5):
        guide.code()
    ages = dict(enumerate(AuthorizationCode.objects.order_by("pk").values_list("pk", flat=True), start=1))
    now = timezone.now()
    for age, pk in ages.items():
        AuthorizationCode.objects.filter(pk=pk).update(purge_at=now - timedelta(hours=age))
    assert (purge.sweep(now=now, batch=2), AuthorizationCode.objects.count()) == (2, 3)
    assert not AuthorizationCode.objects.filter(pk__in=[ages[4], ages[5]]).exists()


def test_a_connection_that_was_refreshed_is_not_swept(guide: Guide) -> None:
    """Its time starts anew."""
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        tokens = guide.tokens()
    with time_machine.travel(start + timedelta(days=29), tick=False):
        guide.refresh(tokens["refresh_token"])
    assert (purge.sweep(now=start + timedelta(days=40)), Grant.objects.count()) == (0, 1)


class Riding:
    """Requests that come one a second, and sweeps that find what they are told to find."""

    def __init__(self) -> None:
        self.seconds = 0
        self.found = 0
        self.sweeps: list[int] = []

    def monotonic(self) -> float:
        """The process's clock."""
        return float(self.seconds)

    def sweep(self, *, now: datetime) -> int:
        """How many rows went."""
        self.sweeps.append(self.seconds)
        return self.found

    def requests(self, found: list[int]) -> list[int]:
        """One request for each amount that a sweep would find; in which seconds there was a sweep."""
        for self.found in found:
            self.seconds += 1
            purge.ride_along(now=timezone.now())
        return self.sweeps


@pytest.fixture
def riding(monkeypatch: pytest.MonkeyPatch) -> Riding:
    """A process that starts to serve."""
    process = Riding()
    monkeypatch.setattr(purge, "time", process)
    monkeypatch.setattr(purge, "sweep", process.sweep)
    monkeypatch.setattr(purge, "_next_at", 0.0)
    return process


def test_a_sweep_rides_along_once_a_minute(riding: Riding) -> None:
    """Not with every request."""
    assert riding.requests([1] * 100) == [1, 61]


def test_a_backlog_is_swept_without_a_pause(riding: Riding) -> None:
    """As long as batches come back full."""
    assert riding.requests([purge.BATCH, purge.BATCH, 3, 0, 0]) == [1, 2, 3]


def test_only_one_thread_sweeps_at_a_time(riding: Riding) -> None:
    """The others answer their clients."""
    with purge._turn:
        assert riding.requests([1]) == []
    assert riding.requests([1]) == [2]


def test_a_sweep_that_fails_costs_nobody_their_answer(
    guide: Guide, riding: Riding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The code is spent by then: a client that gets no answer sends it again, and that ends its connection."""

    def deadlock(*, now: datetime) -> int:
        riding.sweeps.append(riding.seconds)
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(purge, "sweep", deadlock)
    tokens = guide.tokens()
    assert guide.is_alive(tokens["access_token"])
    assert "the sweep failed" in caplog.text
    assert riding.requests([0] * 100) == [0, 60]
