"""An unavailable database: clients and users are asked to come back, wherever the failure occurs."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from django.test import Client as Browser
from psycopg import errors
from pytest_django import Settings

from tests.database import connection
from tests.guide import FORM, Guide
from tests.registration.actors import Software


def read_only() -> Exception:
    """Return Django's exception for a standby, or for a primary that takes no writes."""
    failure = InternalError("cannot execute UPDATE in a read-only transaction")
    failure.__cause__ = errors.ReadOnlySqlTransaction(*failure.args)
    return failure


AWAY = {
    "it is down": lambda: OperationalError('connection to server at "10.1.2.3", user "auth" failed'),
    "the connection is closed": lambda: InterfaceError("connection already closed"),
    "it takes no writes": read_only,
}


@contextlib.contextmanager
def failing(failure: Exception, *, at: str = "") -> Iterator[None]:
    """Make the database fail at each statement that contains these words."""

    def fail(execute: Callable[..., Any], statement: str, *rest: Any) -> Any:
        if at in statement:
            raise failure
        return execute(statement, *rest)

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.parametrize("away", AWAY)
def test_a_database_that_is_away_is_a_503_for_programs(guide: Guide, settings: Settings, away: str) -> None:
    """Clients read how many seconds to wait, but not the driver's message, which names hosts and statements."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    tokens = guide.tokens()
    calls = {
        "exchange": partial(guide.exchange, guide.code()),
        "refresh": partial(guide.refresh, tokens["refresh_token"]),
        "userinfo": partial(guide.userinfo, tokens["access_token"]),
        "introspect": partial(guide.introspect, tokens["access_token"]),
        "revoke": partial(guide.revoke, tokens["access_token"]),
        "register": partial(Software().post, redirect_uris=["https://app.example/"]),
    }
    for name, call in calls.items():
        with failing(AWAY[away]()):
            answer = call()
        said = answer.json()
        assert (name, answer.status_code, answer["Retry-After"]) == (name, 503, "2")
        assert (said["error"], set(said)) == (
            "temporarily_unavailable",
            {"error", "error_description", "reference"},
        )
        assert said["error_description"] == "the server cannot reach its database at the moment"
        assert call().status_code in (200, 201)


@pytest.mark.parametrize("away", AWAY)
def test_a_database_that_is_away_is_a_503_for_people(guide: Guide, away: str) -> None:
    """The page must work without the database, although every other page looks up the user."""
    alices = Browser(raise_request_exception=False)
    alices.force_login(guide.alice)
    calls = {
        "authorise": partial(alices.get, "/authorise/", guide.request()),
        "manage apps": partial(alices.get, "/manage-apps/"),
        "login": partial(alices.get, "/login/"),
        "sign in": partial(Browser().post, "/login/", {"username": "alice", "password": "wonderland"}),
        "deauthorise": partial(alices.post, "/oauth/deauthorise/", "client_id=presc_man_123", content_type=FORM),
        "admin": partial(alices.get, "/admin/"),
    }
    for name, call in calls.items():
        with failing(AWAY[away]()):
            answer = call()
        assert (name, answer.status_code, answer.get("Retry-After")) == (name, 503, "2")
        assert "We cannot answer at the moment" in answer.content.decode()
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("away", AWAY)
def test_a_session_that_cannot_be_stored_is_a_503(alice: User, caplog: pytest.LogCaptureFixture, away: str) -> None:
    """Django stores the session after the view, where our views cannot see the failure."""
    browser = Browser(raise_request_exception=False)
    with failing(AWAY[away](), at='UPDATE "django_session"'):
        answer = browser.post(
            "/login/", {"username": "alice", "password": "wonderland"}, headers={"X-Request-ID": "of-the-proxy-1"}
        )
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "<code>of-the-proxy-1</code>" in answer.content.decode()
    assert "refused error=temporarily_unavailable endpoint=/login/ reference=of-the-proxy-1" in caplog.text


@pytest.mark.parametrize(("says", "hints"), [("no such table: oauth_service_client", True), ("disk I/O error", False)])
def test_a_missing_table_is_told_with_its_remedy(
    db: None, caplog: pytest.LogCaptureFixture, says: str, hints: bool
) -> None:
    """SQLite reports a forgotten migrate like an outage, so a developer would wait for the database."""
    with failing(OperationalError(says)):
        Browser().get("/authorise/", {"client_id": "any"})
    details = [getattr(record, "detail", "") for record in caplog.records if record.name == "oauth_service.refused"]
    assert details == [f"OperationalError: {says}" + ". Run manage.py migrate." * hints]


def test_any_other_failure_outside_of_our_views_stays_one(alice: User) -> None:
    """
    A failure that is not temporary must not look temporary. Django answers a session that cannot be stored with a 400.
    """
    browser = Browser(raise_request_exception=False)
    with failing(ProgrammingError("no such column"), at='UPDATE "django_session"'):
        stored = browser.post("/login/", {"username": "alice", "password": "wonderland"})
    browser.force_login(alice)
    with failing(ProgrammingError("no such column"), at='FROM "django_session"'):
        read = browser.get("/admin/")
    assert (stored.status_code, read.status_code) == (400, 500)
    assert [answer.has_header("Retry-After") for answer in (stored, read)] == [False, False]
