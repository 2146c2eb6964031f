"""The address of a request: behind a trusted proxy it is the client's, on every way in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIRequest
from django.test import Client as Browser
from django.test import RequestFactory
from pytest_django import Settings

from oauth_service import signals
from oauth_service.web.requests import ProgramRequest
from tests import addresses
from tests.entry import Program
from tests.guide import Guide

OWNER, STRANGER, PROXY = "198.51.100.7", "203.0.113.66", "10.0.0.5"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The address of each request that an endpoint of ours answered."""
    found: list[str] = []
    context_of = signals.request_context

    @contextmanager
    def note(endpoint: str, method: str, address: str, request_id: str) -> Iterator[Any]:
        found.append(address)
        with context_of(endpoint, method, address, request_id) as context:
            yield context

    monkeypatch.setattr(signals, "request_context", note)
    return found


# Metrics have no user, so they are left out.
WALKED = [path for path in addresses.ALL if not path.startswith("/metrics")]


@pytest.mark.parametrize("path", [*WALKED, "/admin/login/"])
@pytest.mark.parametrize("browser", [Browser, Program])
def test_every_endpoint_sees_the_client(
    guide: Guide, settings: Settings, seen: list[str], path: str, browser: type[Browser]
) -> None:
    """Limits, events and logs need the client's address, through Django and on the fast path."""
    settings.OAUTH_SERVICE_TRUSTED_PROXIES = ["10.0.0.0/8"]
    for method in ("get", "post"):
        getattr(browser(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=f"192.0.2.1, {OWNER}:4711, 10.9.9.9"), method)(path)
    assert set(seen) == {OWNER}


def test_by_asgi_too(settings: Settings) -> None:
    """A server on a Unix socket has no peer address."""
    settings.OAUTH_SERVICE_TRUSTED_PROXIES = ["unix"]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-forwarded-for", OWNER.encode())] * 2}
    assert ProgramRequest.of(ASGIRequest(scope, BytesIO())).address == OWNER


@pytest.mark.parametrize("path", WALKED)
@pytest.mark.parametrize("browser", [Browser, Program])
def test_no_stranger_chooses_an_address(
    guide: Guide, settings: Settings, seen: list[str], path: str, browser: type[Browser]
) -> None:
    """A sender that is no trusted proxy could otherwise evade every limit by sending a header."""
    settings.OAUTH_SERVICE_TRUSTED_PROXIES = [PROXY]
    browser(REMOTE_ADDR=STRANGER, HTTP_X_FORWARDED_FOR=OWNER).post(path)
    assert set(seen) == {STRANGER}


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", ""])
def test_a_proxy_on_this_machine_is_trusted_by_default(alice: User, peer: str) -> None:
    """No stranger can connect from this machine. Without the default, a stranger's failures locked the owner out."""
    stranger, owner = (Browser(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=each) for each in (STRANGER, OWNER))
    for _ in range(11):
        answer = stranger.post("/login/", {"username": "alice", "password": "no"})
    assert answer.status_code == 429
    assert owner.post("/login/", {"username": "alice", "password": "wonderland"}).status_code == 302


def test_an_ipv6_subscriber_is_one_address_behind_a_proxy_too(alice: User) -> None:
    """A single subscriber has 2^64 addresses and could evade a limit per address."""
    for number in range(11):
        stranger = Browser(REMOTE_ADDR="::1", HTTP_X_FORWARDED_FOR=f"[2001:db8::{number:x}]:4711")
        answer = stranger.post("/login/", {"username": "alice", "password": "no"})
    assert answer.status_code == 429
    neighbour = Browser(REMOTE_ADDR="::1", HTTP_X_FORWARDED_FOR="2001:db8:0:1::1")
    assert neighbour.post("/login/", {"username": "alice", "password": "wonderland"}).status_code == 302


def test_the_trail_says_from_where_on_pages_of_others(
    alice: User, settings: Settings, committed: Callable[..., Any]
) -> None:
    """Django reports a refused sign-in on any page. The address must be the client's there, too."""
    settings.OAUTH_SERVICE_TRUSTED_PROXIES = [PROXY]
    request = RequestFactory().post("/elsewhere/", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=OWNER)
    told: list[str] = []

    def hear(**_: object) -> None:
        told.append(signals.current_request().address)

    signals.login_refused.connect(hear)
    try:
        with committed():
            authenticate(request, username="alice", password="wrong")
    finally:
        signals.login_refused.disconnect(hear)
    assert told == [OWNER]
