"""/healthz and /readyz name what is missing and reveal nothing else."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError
from django.test import Client as Browser
from pytest_django import DjangoAssertNumQueries, Settings

from config.sites import ROOT
from oauth_service.watch import readiness
from tests.database import connection

NEWEST = max(path.stem for path in (ROOT / "oauth_service/migrations").glob("0*.py"))


@pytest.fixture(autouse=True)
def as_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what earlier requests have found out."""
    monkeypatch.setattr(readiness, "_is_migrated", threading.Event())


@pytest.fixture
def a_database_that_is_down() -> Iterator[None]:
    """Make every query fail, as if the database were down."""

    def refuse(*_: Any) -> None:
        raise OperationalError('connection to server at "10.1.2.3", user "auth" failed')

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_alive_without_a_database(browser: Browser, path: str) -> None:
    """A restart would not repair a database. pytest-django forbids the database to this test."""
    assert browser.get(path).json() == {"status": "alive"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_ready(browser: Browser, path: str) -> None:
    """The database has all migrations, and there are keys."""
    response = browser.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


@pytest.mark.django_db
def test_neither_session_nor_cookie(browser: Browser) -> None:
    """Probes arrive every second, so each session would be a wasted row."""
    for path in ("/healthz", "/readyz"):
        response = browser.get(path)
        assert (response.cookies, response["Cache-Control"]) == ({}, "private, no-store")


@pytest.mark.django_db
def test_readiness_costs_one_statement(browser: Browser, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The server stops checking the migrations once it has found all of them."""
    browser.get("/readyz")
    with django_assert_num_queries(1):
        browser.get("/readyz")


@pytest.mark.django_db
def test_a_database_that_is_down_is_missing(browser: Browser, a_database_that_is_down: None) -> None:
    """Anyone may ask, so the response must not name the database, its host or its user."""
    response = browser.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "missing": ["database"]})


@pytest.mark.django_db
def test_migrations_that_are_not_applied_are_missing(browser: Browser) -> None:
    """New code on an old database would fail at some later request."""
    MigrationRecorder(connection).record_unapplied("oauth_service", NEWEST)
    response = browser.get("/readyz")
    assert (response.status_code, response.json()["missing"]) == (503, ["migrations"])


@pytest.mark.django_db
def test_it_is_ready_once_the_migrations_are_applied(browser: Browser) -> None:
    """The server looks again for a migration that was missing."""
    MigrationRecorder(connection).record_unapplied("oauth_service", NEWEST)
    browser.get("/readyz")
    MigrationRecorder(connection).record_applied("oauth_service", NEWEST)
    assert browser.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_keys_that_are_not_set_are_missing(settings: Settings) -> None:
    """The server can seal no token without a key."""
    settings.SECRET_KEY = ""
    assert readiness.missing() == ["keys"]
