"""The time when a document is fetched again, and the behaviour while it cannot be."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.models import Client, Document, purge
from tests.client_documents.actors import App
from tests.client_documents.origin import CALLBACK, URL

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(timezone.now(), tick=False) as moved:
        yield moved


def later(clock: Any, span: timedelta) -> datetime:
    """Move the clock."""
    clock.shift(span)
    return timezone.now()


@pytest.mark.parametrize(
    ("header", "fresh"),
    [
        ("max-age=7200", 2 * HOUR),
        ("no-store", MINUTE),
        ("max-age=0", MINUTE),
        ("max-age=99999999", DAY),
        ("", HOUR),
    ],
)
def test_headers_say_how_long_a_copy_is_fresh(app: App, clock: Any, header: str, fresh: timedelta) -> None:
    """The lifetime is at least a minute and at most a day."""
    app.origin.publish(headers={"cache-control": header} if header else {})
    app.connect()
    later(clock, fresh - timedelta(seconds=1))
    app.ask()
    assert app.origin.urls == [URL]
    later(clock, timedelta(seconds=2))
    app.ask()
    assert app.origin.urls == [URL, URL]


def test_what_has_not_changed_is_not_sent_again(app: App, clock: Any) -> None:
    """The request has If-None-Match, and a 304 makes the copy fresh again."""
    app.origin.publish(headers={"etag": '"1"'})
    app.connect()
    later(clock, 2 * HOUR)
    assert app.ask().status_code == 302
    assert app.origin.asked[1][1]["If-None-Match"] == '"1"'
    app.ask()
    assert len(app.origin.asked) == 2


def test_a_change_counts_from_the_next_request_on(app: App, clock: Any) -> None:
    """Columns set by the operator stay."""
    app.connect()
    lifetime = timedelta(minutes=5)
    Client.objects.update(operator="Notes Ltd", access_token_lifetime=lifetime, grant_type_scopes="refresh_token user")
    app.origin.publish(client_name="Notes 2", client_uri="https://app.example/")
    later(clock, 2 * HOUR)
    assert "Notes 2" in app.page()
    client = app.client
    assert (client.name, client.client_uri) == ("Notes 2", "https://app.example/")
    assert (client.operator, client.access_token_lifetime) == ("Notes Ltd", lifetime)
    assert client.grant_type_scopes == "refresh_token user"


def test_a_client_that_moves_is_not_remembered(app: App, clock: Any) -> None:
    """Somebody who takes over the site must not inherit users' consent."""
    app.connect()
    app.origin.publish(redirect_uris=["https://evil.example/", CALLBACK])
    later(clock, 2 * HOUR)
    assert app.ask().status_code == 200
    assert app.ask(redirect_uri="https://evil.example/").status_code == 200
    assert not app.client.remembers_consent


def test_what_was_switched_off_stays_off(app: App, clock: Any) -> None:
    """The document of a deactivated client is not fetched."""
    app.connect()
    Client.objects.update(is_active=False)
    later(clock, 2 * HOUR)
    assert app.ask().status_code == 400
    assert app.origin.urls == [URL]


def test_while_the_origin_is_down_the_copy_serves(app: App, clock: Any) -> None:
    """The copy is used for seven days, and the origin is asked at most once a minute."""
    app.connect()
    app.origin.is_down = True
    later(clock, 2 * HOUR)
    assert [app.ask().status_code for _time in range(3)] == [302] * 3
    assert len(app.origin.asked) == 2
    later(clock, 2 * MINUTE)
    assert app.ask().status_code == 302
    assert len(app.origin.asked) == 3
    later(clock, 8 * DAY)
    assert app.ask().status_code == 400


@pytest.mark.parametrize("how", ["gone", "not found", "no document", "another client", "a secret", "no redirect URI"])
def test_a_document_that_became_invalid_stops_new_authorizations(
    app: App, clock: Any, staff: Browser, how: str
) -> None:
    """Connections stay alive, the operator sees the reason, and a corrected document makes the app work again."""
    tokens = app.connect()
    match how:
        case "gone" | "not found":
            app.origin.answer(b"", status=410 if how == "gone" else 404)
        case "no document":
            app.origin.answer(b"<html>")
        case "another client":
            app.origin.publish(client_id="https://app.example/other")
        case "a secret":
            app.origin.publish(client_secret="s3cret")
        case _none:
            app.origin.publish(redirect_uris=[])
    later(clock, 2 * HOUR)
    assert [app.ask().status_code for _time in range(2)] == [400, 400]
    assert len(app.origin.asked) == 2
    refreshed = app.refresh(tokens)
    assert refreshed.status_code == 200
    page = staff.get(f"/admin/oauth_service/client/{app.client.pk}/change/").content.decode()
    assert "The last attempt to fetch the document failed" in page
    assert Document.objects.get(url=URL).last_error in page.replace("&#x27;", "'")
    app.origin.publish()
    later(clock, 2 * MINUTE)
    assert app.ask().status_code == 302
    assert app.opens(refreshed.json())


def test_a_copy_that_was_swept_is_fetched_anew(app: App, clock: Any) -> None:
    """The client's row stays as it is."""
    app.connect()
    purge.sweep(now=later(clock, 31 * DAY))
    assert not Document.objects.exists()
    assert app.ask().status_code == 302
    assert len(app.origin.asked) == 2
