"""Simultaneous first requests of a client that a document introduces."""

import threading

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.clients import logo, registration
from oauth_service.models import Client, Document, Registration
from oauth_service.outbound import fetch
from oauth_service.protocol import registration as rules
from tests.client_documents.actors import App
from tests.client_documents.origin import URL, Origin
from tests.concurrency.threads import PATIENCE_SECONDS, started, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def origin(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Origin:
    """The site of an app that no worker knows yet."""
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = True
    site = Origin()
    site.publish()
    monkeypatch.setattr(fetch, "fetch", site.fetch)
    monkeypatch.setattr(logo, "fetch_soon", lambda _uri: None)
    return site


@pytest.fixture
def apps(origin: Origin, alice: User) -> list[App]:
    """The app in the browsers of eight users."""
    users = [alice, *(User.objects.create_user(f"user{number}") for number in range(7))]
    browsers = [Browser() for _ in users]
    for browser, user in zip(browsers, users, strict=True):
        browser.force_login(user)
    return [App(origin, browser) for browser in browsers]


def introduced() -> tuple[int, int, int]:
    """Return the numbers of clients, registrations and documents of the app."""
    return (
        Client.objects.filter(client_id=URL).count(),
        Registration.objects.filter(client__client_id=URL).count(),
        Document.objects.filter(url=URL).count(),
    )


def test_workers_that_meet_introduce_the_client_once(apps: list[App]) -> None:
    """Every user sees the consent page, and all of them connect the same client."""
    pages = together(*[app.ask for app in apps])
    assert ([page.status_code for page in pages], introduced()) == ([200] * 8, (1, 1, 1))
    assert all(app.opens(app.connect()) for app in apps[:2])


def test_a_worker_that_comes_second_shows_the_page_as_well(apps: list[App], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker has introduced the client after this one had looked for it, and before its transaction begins."""
    first, second = apps[:2]
    assert first.ask().status_code == 200  # the document is stored and fresh
    Client.objects.filter(client_id=URL).delete()
    fill, arrived, go = registration.set_registration_columns, threading.Event(), threading.Event()

    def wait_once(kept: Registration, negotiated: rules.Registration) -> None:
        fill(kept, negotiated)
        if not arrived.is_set():
            arrived.set()
            assert go.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(registration, "set_registration_columns", wait_once)
    page = started(second.ask)
    assert arrived.wait(PATIENCE_SECONDS)
    assert first.ask().status_code == 200
    go.set()
    assert (page.result(PATIENCE_SECONDS).status_code, introduced()) == (200, (1, 1, 1))
