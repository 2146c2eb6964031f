"""A connection with an end date: nothing outlives that moment, and nothing revives the connection."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import Settings

from oauth_service.models import AuditEvent, AuthorizationCode, Consent, Grant
from oauth_service.models.purge import sweep
from oauth_service.watch import audit
from tests.exchanges import service_for
from tests.guide import Guide

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IN_TEN_MINUTES = NOON + timedelta(minutes=10)
Committed = Callable[[], AbstractContextManager[object]]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stop the clock at noon."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def end_at(moment: datetime | None) -> None:
    """Set the end date that the user has chosen."""
    Consent.objects.update(ends_at=moment)


def test_no_access_token_is_issued_that_outlives_it(guide: Guide, clock: time_machine.Traveller) -> None:
    """Tokens come from a code, a refresh, a retry of the refresh, and an exchange."""
    first, code = guide.tokens(), guide.code()
    service = service_for(guide.client, scope="user profile")
    end_at(IN_TEN_MINUTES)
    issued = [
        guide.exchange(code),
        guide.refresh(first["refresh_token"]),
        guide.refresh(first["refresh_token"]),
        service.exchange(first["access_token"]),
    ]
    assert [answer.json()["expires_in"] for answer in issued] == [600] * 4


def test_what_was_issued_before_ends_with_it(guide: Guide, clock: time_machine.Traveller, settings: Settings) -> None:
    """Introspection shows the earlier end at once, and inactive tokens after it."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    tokens = guide.tokens()
    end_at(IN_TEN_MINUTES)
    for token in ("access_token", "refresh_token"):
        assert guide.introspect(tokens[token]).json()["exp"] == int(IN_TEN_MINUTES.timestamp())
    clock.shift(timedelta(minutes=10))
    assert not guide.is_alive(tokens["access_token"])
    for token in ("access_token", "refresh_token"):
        assert guide.introspect(tokens[token]).json() == {"active": False}
    assert guide.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_what_waits_for_its_exchange_ends_with_it(guide: Guide, clock: time_machine.Traveller) -> None:
    """A code is valid for a minute, but no longer than its connection."""
    code = guide.code()
    end_at(NOON + timedelta(seconds=30))
    clock.shift(timedelta(seconds=30))
    assert guide.exchange(code).json()["error"] == "invalid_grant"
    assert not Grant.objects.exists()


def test_it_is_not_what_was_refreshed_that_counts(guide: Guide, clock: time_machine.Traveller) -> None:
    """If the end date is removed again, the connection lives as long as before."""
    tokens = guide.tokens()
    end_at(IN_TEN_MINUTES)
    tokens = guide.refresh(tokens["refresh_token"]).json()
    end_at(None)
    clock.shift(timedelta(days=29))
    assert guide.refresh(tokens["refresh_token"]).status_code == 200


def test_the_person_is_asked_again_after_it(guide: Guide, clock: time_machine.Traveller) -> None:
    """Earlier consent no longer counts, even before its row is swept."""
    guide.tokens()
    assert guide.ask().status_code == 302
    end_at(NOON)
    assert guide.ask().status_code == 200


def test_what_is_allowed_after_it_is_a_connection_of_its_own(
    guide: Guide, clock: time_machine.Traveller, committed: Committed
) -> None:
    """The old connection stays ended, and the new one has no end date."""
    before, code = guide.tokens(), guide.code()
    old = Consent.objects.get().pk
    end_at(NOON)
    with committed():
        after = guide.tokens(scope="profile")
    consent = Consent.objects.get()
    assert (consent.pk == old, consent.ends_at, consent.scope) == (False, None, "profile")
    assert guide.is_alive(after["access_token"])
    assert not guide.is_alive(before["access_token"])
    assert [guide.refresh(before["refresh_token"]).status_code, guide.exchange(code).status_code] == [400, 400]
    audit.flush()
    assert AuditEvent.objects.get(event="app_deauthorised").reason == "its end date has come"


def test_what_is_allowed_before_it_keeps_it(guide: Guide, clock: time_machine.Traveller) -> None:
    """Another device of the same app ends on the date that the user has chosen for the app."""
    guide.tokens()
    end_at(IN_TEN_MINUTES)
    assert guide.tokens()["expires_in"] == 600


def test_the_sweep_takes_what_has_ended_and_tells_of_it(
    guide: Guide, clock: time_machine.Traveller, committed: Committed
) -> None:
    """The sweep is no request, so the event has neither an address nor a reference."""
    guide.tokens()
    guide.code()
    end_at(IN_TEN_MINUTES)
    with committed():
        sweep(now=IN_TEN_MINUTES - timedelta(seconds=1))
    assert (Consent.objects.count(), Grant.objects.count()) == (1, 1)
    with committed():
        sweep(now=IN_TEN_MINUTES)
    assert (Consent.objects.count(), Grant.objects.count(), AuthorizationCode.objects.count()) == (0, 0, 0)
    audit.flush()
    told = AuditEvent.objects.get(event="app_deauthorised")
    assert (told.user, told.client_id, told.reason) == (guide.alice, guide.client.client_id, "its end date has come")
    assert (told.by, told.address, told.reference) == ("end date", "", "")


@pytest.mark.parametrize("ends_at", [None, NOON + timedelta(seconds=1)])
def test_an_end_that_has_come_is_final(guide: Guide, clock: time_machine.Traveller, ends_at: datetime | None) -> None:
    """Choosing another date a moment too late revives nothing."""
    tokens = guide.tokens()
    end_at(NOON)
    assert not Consent.objects.set_end(Consent.objects.get().pk, ends_at, now=NOON)
    assert not guide.is_alive(tokens["access_token"])
