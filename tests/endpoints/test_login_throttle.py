"""/login/: a limit on failures per account and address."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service import conf, signals
from oauth_service.guard import throttle
from tests.endpoints.conftest import Reasons
from tests.endpoints.page import Page
from tests.guide import Guide

HERE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"


def sign_in(browser: Browser, password: str, *, username: str = "alice", address: str = HERE) -> Any:
    """Submit the form of the login page."""
    browser.defaults["REMOTE_ADDR"] = address
    return Page(browser.get("/login/")).press(browser, "Sign in", username=username, password=password)


def fail(browser: Browser, *, times: int = 10, **who: str) -> list[int]:
    """Fail to sign in several times, and return the statuses."""
    return [sign_in(browser, f"wrong {n}", **who).status_code for n in range(times)]


def notice(response: Any) -> str:
    """Return the error message of the page."""
    [notice] = response.context["form"].non_field_errors()
    return str(notice)


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_after_too_many_failures_the_page_says_to_wait(browser: Browser, alice: User, username: str) -> None:
    """Users read words and programs see the status. The typed name is kept, and the password is not."""
    with time_machine.travel("2026-01-01T00:00:30Z", tick=False):
        assert fail(browser, username=username) == [200] * 10
        response = sign_in(browser, "wonderland", username=username)
    assert (response.status_code, response["Retry-After"]) == (429, "271")
    page = Page(response)
    assert "There were too many attempts to sign in. Please try again in 5 minutes." in page.text
    fields = page.form_of("Sign in").fields
    assert (fields["username"], fields["password"]) == (username, "")
    assert "sessionid" not in browser.cookies


def test_the_fields_are_not_called_wrong_where_only_waiting_helps(browser: Browser, alice: User) -> None:
    """A red field would ask for other input. Screen readers still read the message with it."""
    fail(browser, times=9)
    wrong, early = (sign_in(browser, "wrong").content.decode() for _ in range(2))
    assert [page.count('aria-invalid="true"') for page in (wrong, early)] == [2, 0]
    assert [page.count('aria-describedby="login-error"') for page in (wrong, early)] == [2, 2]


def test_no_page_tells_whether_the_account_exists(browser: Browser, alice: User) -> None:
    """The responses are the same before and after the limit."""
    with time_machine.travel("2026-01-01T00:00:30Z", tick=False):
        said = [
            [
                (response.status_code, response.headers.get("Retry-After"), notice(response))
                for response in (sign_in(browser, f"wrong {n}", username=username) for n in range(12))
            ]
            for username in ("alice", "nobody")
        ]
    assert said[0] == said[1]
    assert [status for status, *_ in said[0]] == [200] * 10 + [429] * 2


def test_both_cost_one_hash_before_the_limit_and_none_after(
    browser: Browser, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response time must not reveal whether the account exists either."""
    hashed: list[str] = []
    encode = hashers.MD5PasswordHasher.encode

    def count(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", count)
    costs = {}
    for username in ("alice", "nobody"):
        fail(browser, username=username)
        before = len(hashed)
        sign_in(browser, "wonderland", username=username)
        costs[username] = (before, len(hashed) - before)
        hashed.clear()
    assert costs == {"alice": (10, 0), "nobody": (10, 0)}


def test_the_owner_signs_in_from_elsewhere(browser: Browser, alice: User) -> None:
    """Someone who guesses passwords must not lock the owner out."""
    fail(browser, times=12)
    assert sign_in(browser, "wonderland", address=ELSEWHERE)["Location"] == "/manage-apps/"


def test_others_at_the_same_address_sign_in(browser: Browser, alice: User) -> None:
    """A whole school may share one address."""
    fail(browser, times=12, username="nobody")
    assert sign_in(browser, "wonderland")["Location"] == "/manage-apps/"


def test_who_waits_as_told_signs_in(browser: Browser, alice: User) -> None:
    """Retry-After must be right."""
    with time_machine.travel("2026-01-01T00:00:30Z", tick=False) as clock:
        fail(browser)
        clock.shift(int(sign_in(browser, "wonderland")["Retry-After"]))
        assert sign_in(browser, "wonderland").status_code == 302


@pytest.mark.parametrize("spelling", ["ALICE", "Alice", "\uff41lice"], ids=["capitals", "capital", "full-width"])
def test_another_spelling_of_a_name_is_no_other_account(browser: Browser, alice: User, spelling: str) -> None:
    """Some backends find the same user by all of these spellings."""
    fail(browser)
    assert sign_in(browser, "wrong", username=spelling).status_code == 429


def test_a_form_without_a_password_is_no_failure(browser: Browser, alice: User) -> None:
    """An empty password is not a guess."""
    for _ in range(12):
        sign_in(browser, "")
    assert sign_in(browser, "wonderland").status_code == 302


def test_while_too_many_are_being_checked_the_page_asks_for_a_moment(browser: Browser, alice: User) -> None:
    """A flood from many addresses must not occupy all workers, and must not lock anybody out."""
    for number in range(throttle.FLOOD):
        with signals.request_context("test", "POST", f"10.0.0.{number}", ""):
            throttle.LOGINS.record_failed_check()
    with throttle.LOGINS.slow_check("a"), throttle.LOGINS.slow_check("b"):
        response = sign_in(browser, "wonderland")
    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert "Please wait a moment, then try again." in Page(response).text
    assert sign_in(browser, "wonderland").status_code == 302


def test_what_fails_here_is_a_flood_to_come(browser: Browser, alice: User) -> None:
    """After a few failures from any addresses, further attempts are refused without waiting for a hash."""
    for n in range(throttle.FLOOD):
        assert throttle.LOGINS._is_calm()
        sign_in(browser, "wrong", address=f"10.0.0.{n}")
    assert (throttle.LOGINS._is_calm(), throttle.CLIENTS._is_calm()) == (False, True)


def test_a_minute_is_one_minute(browser: Browser, alice: User, settings: Settings) -> None:
    """The message has a singular form."""
    settings.OAUTH_SERVICE_FAILURE_WINDOW = timedelta(minutes=1)
    with time_machine.travel("2026-01-01T00:00:00.5Z", tick=False):
        fail(browser)
        assert "Please try again in 1 minute." in notice(sign_in(browser, "wonderland"))


def test_it_is_announced_and_logged(
    browser: Browser, guide: Guide, reasons: Reasons, committed: Callable[..., Any]
) -> None:
    """The event has a reason of its own, and no password, or name that may be one."""
    name = conf.claimed_name("alice")
    told: list[dict[str, Any]] = []

    def hear(*, username: str, reason: str, **_: Any) -> None:
        told.append({"username": username, "reason": reason})

    signals.login_refused.connect(hear)
    try:
        with committed():
            fail(browser)
            sign_in(browser, "wonderland")
    finally:
        signals.login_refused.disconnect(hear)
    assert told == [{"username": name, "reason": "wrong username or password"}] * 10 + [
        {"username": name, "reason": "throttled"}
    ]
    [line] = reasons()
    assert "error=temporarily_unavailable endpoint=/login/" in line
    assert f"login {name!r}: too many failures from one address" in line
    assert "wonderland" not in line
