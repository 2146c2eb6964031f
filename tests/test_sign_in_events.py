"""Events for signing in and out on any page, passed on from Django's own signals."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import login, logout
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client as Browser
from django.test import RequestFactory

from oauth_service import signals
from oauth_service.models import AuditEvent
from oauth_service.watch import audit
from tests.guide import Guide
from tests.test_audit import Committed
from tests.test_signals import documented

ADDRESS = "203.0.113.5"
PASSWORD = "wonderland"


@pytest.fixture
def told() -> Iterator[list[tuple[str, Any]]]:
    """The announced sign-ins and sign-outs, with their user."""
    heard: list[tuple[str, Any]] = []

    def hear_in(sender: object, signal: object, **facts: Any) -> None:
        assert ", ".join(facts) == documented()["signed_in"]
        heard.append(("in", facts["user_id"]))

    def hear_out(sender: object, signal: object, **facts: Any) -> None:
        assert ", ".join(facts) == documented()["signed_out"]
        heard.append(("out", facts["user_id"]))

    signals.signed_in.connect(hear_in)
    signals.signed_out.connect(hear_out)
    yield heard
    signals.signed_in.disconnect(hear_in)
    signals.signed_out.disconnect(hear_out)


def rows() -> list[tuple[Any, ...]]:
    audit.flush()
    return list(AuditEvent.objects.order_by("pk").values_list("event", "user__username", "address", "outcome"))


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_signing_in_and_out_on_a_page(alice: User, committed: Committed, told: list[Any], page: str) -> None:
    """Our page and the admin's cause one event each, with the address."""
    User.objects.update(is_staff=True)
    browser = Browser(REMOTE_ADDR=ADDRESS)
    with committed():
        browser.post(page, {"username": "alice", "password": PASSWORD})
        browser.post("/logout/" if page == "/login/" else "/admin/logout/")
    assert told == [("in", alice.pk), ("out", alice.pk)]
    assert rows() == [("signed_in", "alice", ADDRESS, "done"), ("signed_out", "alice", ADDRESS, "done")]


def test_signing_in_on_a_page_of_the_project(alice: User, committed: Committed) -> None:
    """The address comes from the request alone."""
    request = RequestFactory().post("/elsewhere/", REMOTE_ADDR=ADDRESS)
    request.session = SessionStore()
    request.user = AnonymousUser()
    with committed():
        login(request, alice, backend="django.contrib.auth.backends.ModelBackend")
        logout(request)
    assert [row[:3] for row in rows()] == [("signed_in", "alice", ADDRESS), ("signed_out", "alice", ADDRESS)]


def test_a_session_that_a_script_or_a_test_makes_is_no_sign_in(
    alice: User, committed: Committed, told: list[Any]
) -> None:
    """No user has signed in, and a host project's tests must not fill its trail."""
    browser, request = Browser(), HttpRequest()
    request.session = SessionStore()
    with committed():
        browser.force_login(alice)
        browser.logout()
        login(request, alice, backend="django.contrib.auth.backends.ModelBackend")
    assert (told, rows()) == ([], [])


def test_signing_out_without_a_session_is_no_event(db: None, committed: Committed, told: list[Any]) -> None:
    """Django sends its signal in that case, too."""
    with committed():
        Browser().post("/logout/")
    assert told == []


def test_it_costs_the_request_no_statement(
    guide: Guide, committed: Committed, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer stores the row later."""
    request = RequestFactory().post("/elsewhere/")
    with committed(), django_assert_num_queries(0):
        signals.announce(signals.signed_in, user_id=guide.alice.pk)
        with signals.use_request_context(signals.RequestContext(address=request.META["REMOTE_ADDR"])):
            signals.announce(signals.signed_out, user_id=guide.alice.pk)
    assert len(audit._trail.waiting) == 2
