"""Sign-out messages that a dead server left behind, and the sweep of an OpenID Provider's tables."""

import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import OperationalError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from oauth_service import background
from oauth_service.models import Delivery, SigningKey, purge
from oauth_service.outbound import deliveries, fetch
from tests.clauses import clause
from tests.database import connection
from tests.guide import Guide
from tests.openid.conftest import RelyingParty


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A record of how often the thread was woken. Nothing is sent."""
    times: list[str] = []
    monkeypatch.setattr(deliveries, "wake", lambda: times.append("woken"))
    return times


@pytest.fixture
def left(rp: RelyingParty, woken: list[str]) -> Delivery:
    """A message that belonged to a worker which has died."""
    rp.client.backchannel_logout_uri = "https://rp.example/backchannel"
    rp.client.save()
    rp.connect()
    rp.browser.post("/logout/")
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    woken.clear()
    return Delivery.objects.get()


@clause("OpenID Connect Back-Channel Logout 1.0", "2.8")
def test_a_message_that_was_left_is_found_by_a_later_request(
    rp: RelyingParty, left: Delivery, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests look for such messages at most once a minute, and not while a message waits for its next attempt."""
    monkeypatch.setattr(purge, "_next_at", 0.0)
    rp.tokens()
    assert woken == ["woken"]
    rp.tokens()
    assert woken == ["woken"]
    Delivery.objects.update(next_at=timezone.now() + timedelta(minutes=5))
    monkeypatch.setattr(purge, "_next_at", 0.0)
    rp.tokens()
    assert woken == ["woken"]


def test_a_database_that_fails_meanwhile_costs_nobody_their_tokens(
    rp: RelyingParty, left: Delivery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client could not try again, because its code is used up by then."""

    class Failing:
        def filter(self, **_: object) -> "Failing":
            raise OperationalError("the connection was lost")

    monkeypatch.setattr(Delivery, "objects", Failing())
    monkeypatch.setattr(purge, "_next_at", 0.0)
    assert rp.tokens()["id_token"]
    assert "the server could not check whether sign-out messages wait" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_thread_sends_what_was_left_and_ends(
    rp: RelyingParty, left: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real thread runs, with a connection of its own."""
    monkeypatch.undo()
    monkeypatch.setattr(background, "is_test_run", lambda: False)
    sent = threading.Event()

    def take(*_: object, **__: object) -> fetch.Response:
        sent.set()
        return fetch.Response(200, {}, b"")

    monkeypatch.setattr(fetch, "fetch", take)
    deliveries.wake_if_due(now=timezone.now())
    assert sent.wait(10)
    assert deliveries._thread is not None
    deliveries._thread.join(10)
    assert (deliveries._thread.is_alive(), Delivery.objects.count()) == (False, 0)


def test_every_row_that_dies_in_its_time_is_swept(provider: Settings) -> None:
    """A developer who adds a table with purge_at must add it to the sweep."""
    provider.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    provider.OAUTH_SERVICE_REGISTRATION = "open"
    mortal = {
        model
        for model in apps.get_app_config("oauth_service").get_models()
        if any(field.name == "purge_at" for field in model._meta.fields)
    }
    assert set(purge.swept_tables()) == mortal


def test_keys_are_swept_and_those_without_an_end_stay(provider: Settings, db: None) -> None:
    """A server that no longer signs would otherwise keep them for ever."""
    now = timezone.now()
    for generation, purge_at in enumerate([now, None, now + timedelta(days=1)], start=1):
        SigningKey.objects.create(
            kid=f"k{generation}",
            algorithm="RS256",
            generation=generation,
            public_jwk="{}",
            private_key=b"",
            created_at=now,
            signs_from=now,
            purge_at=purge_at,
        )
    assert purge.sweep(now=now) == 1
    assert [key.kid for key in SigningKey.objects.every()] == ["k2", "k3"]


@pytest.mark.django_db(transaction=True)
def test_without_openid_connect_nobody_pays_for_it(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep and the exchange do not read the tables of OpenID Connect; manage.py purge does."""
    code = guide.code()
    monkeypatch.setattr(purge, "_next_at", 0.0)
    with CaptureQueriesContext(connection) as statements:
        assert guide.exchange(code).status_code == 200
    of_openid = [model._meta.db_table for model in purge.SWEPT_OF_OPENID]
    asked = [query["sql"] for query in statements.captured_queries if query["sql"].startswith("DELETE")]
    assert [table for table in of_openid for sql in asked if f'"{table}"' in sql] == []
    assert len(asked) >= len(purge.SWEPT)
    with CaptureQueriesContext(connection) as statements:
        purge.sweep(now=timezone.now(), everywhere=True)
    asked = [query["sql"] for query in statements.captured_queries if query["sql"].startswith("DELETE")]
    assert [table for table in of_openid if not any(f'"{table}"' in sql for sql in asked)] == []
