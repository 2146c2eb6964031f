"""Decisions use the time after the whole request has arrived: holding a request open gains nothing."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from tests import addresses
from tests.entry import _WithinATest
from tests.guide import FORM, SECRET, Guide

HELD = timedelta(hours=1)
CREDENTIALS = {"client_id": "presc_man_123", "client_secret": SECRET}


@dataclass
class Clock:
    """A clock that moves by an hour when the body of a request is read, and records earlier readings."""

    travels: time_machine.Traveller
    is_read: bool = False
    too_early: list[str] = field(default_factory=list)

    def body(self, octets: bytes) -> io.BytesIO:
        """Return a body whose last byte arrives an hour after the headers."""
        clock = self
        self.is_read = False
        self.too_early.clear()

        class Held(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if not clock.is_read:
                    clock.is_read = True
                    clock.travels.shift(HELD)
                return super().read(size)

        return Held(octets)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The clock of a test, which only bodies move."""
    with time_machine.travel("2026-01-01T12:00:00Z", tick=False) as travels:
        yield Clock(travels)


@pytest.fixture
def watched(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that records who reads it while the body is still arriving."""

    def watch(module: Any, name: str) -> None:
        ask = getattr(module, name)

        def asked(*args: Any) -> Any:
            if not clock.is_read:
                clock.too_early.append(name)
            return ask(*args)

        monkeypatch.setattr(module, name, asked)

    watch(timezone, "now")
    watch(time, "time")
    return clock


Entry = Callable[..., tuple[int, bytes]]


@pytest.fixture(params=["through Django", "directly"])
def send(request: pytest.FixtureRequest, guide: Guide, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """
    POST a body that is held open, and return status and body. By ASGI a request is complete before Django sees it.
    """
    monkeypatch.setattr("django.core.signals.request_finished.send", lambda **_: None)
    monkeypatch.setattr("django.core.signals.request_started.send", lambda **_: None)
    application: Any = WSGIHandler() if request.param == "through Django" else _WithinATest(WSGIHandler())

    def post(path: str, form: dict[str, str], **environ: str) -> tuple[int, bytes]:
        octets, head = urlencode(form).encode(), list[str]()
        asked = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "HTTP_HOST": "testserver",
            "CONTENT_TYPE": FORM,
            "CONTENT_LENGTH": str(len(octets)),
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": clock.body(octets),
            "wsgi.errors": io.StringIO(),
            **environ,
        }
        answer = application(asked, lambda status, headers, failure=None: head.append(status))
        return int(head[0].split()[0]), b"".join(answer)

    return post


def signed_in(alice: User) -> dict[str, str]:
    """The environ of a browser with Alice's session. Its CSRF token is in a header, so no form is read for it."""
    browser = Browser()
    browser.force_login(alice)
    browser.get("/login/?reauthenticate=1")
    token = browser.cookies["csrftoken"].value
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    return {
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "HTTP_X_CSRFTOKEN": token,
    }


@pytest.mark.walk
@pytest.mark.parametrize("path", addresses.ALL)
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_no_endpoint_asks_the_clock_before_the_last_octet(
    send: Entry, watched: Clock, guide: Guide, path: str, is_signed_in: bool
) -> None:
    """An endpoint that reads the time earlier could accept something that has expired by the time it acts."""
    tokens = guide.tokens()
    form = {
        **CREDENTIALS,
        **guide.request(),
        "username": "alice",
        "password": "wonderland",
        "access_token": tokens["access_token"],
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "token": tokens["access_token"],
    }
    environ = signed_in(guide.alice) if is_signed_in else {}
    send(path, form, **environ)
    assert not watched.is_read or watched.too_early == []


def test_a_code_is_not_redeemed_by_a_request_that_is_held_open(send: Entry, guide: Guide) -> None:
    """The code is valid for a minute, and only the headers arrived in time."""
    form = {"grant_type": "authorization_code", "code": guide.code(), "redirect_uri": guide.request()["redirect_uri"]}
    status, said = send("/token/", form | CREDENTIALS)
    assert (status, b"invalid_grant" in said) == (400, True)


def test_a_refresh_is_not_retried_by_a_request_that_is_held_open(send: Entry, guide: Guide) -> None:
    """The token was replaced in the meantime, so this is a replay, however early the headers arrived."""
    first = guide.tokens()["refresh_token"]
    second = guide.refresh(first).json()["refresh_token"]
    status, said = send("/token/", {"grant_type": "refresh_token", "refresh_token": first, **CREDENTIALS})
    assert (status, b"already used" in said) == (400, True)
    assert guide.refresh(second).status_code == 400


def test_a_session_does_not_outlive_its_end_in_a_request_that_is_held_open(
    send: Entry, guide: Guide, settings: Settings
) -> None:
    """The app stays connected, and the user signs in again."""
    settings.SESSION_COOKIE_AGE = 60
    guide.tokens()
    send("/oauth/deauthorise/", {"client_id": "presc_man_123"}, **signed_in(guide.alice))
    guide.browser.force_login(guide.alice)
    assert guide.ask().status_code == 302


def test_a_server_that_is_far_behind_neither_retries_nor_punishes(guide: Guide, clock: Clock) -> None:
    """Another server with a faster clock replaced the token, at a time that is in the future here."""
    first = guide.tokens()["refresh_token"]
    clock.travels.shift(HELD)
    second = guide.refresh(first).json()["refresh_token"]
    clock.travels.shift(-HELD)
    response = guide.refresh(first)
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert int(response["Retry-After"]) > 0
    assert guide.refresh(second).status_code == 200
