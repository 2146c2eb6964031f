"""The admin's login page has the same limit on failures as ours."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.db import OperationalError
from django.template import TemplateDoesNotExist
from django.test import Client as Browser

from oauth_service import signals
from oauth_service.admin_site import LimitedAdminSite
from oauth_service.models import AuditEvent
from oauth_service.watch import audit
from tests.test_unavailable import failing

HERE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"
LOGIN = "/admin/login/"
Told = list[dict[str, object]]


@pytest.fixture
def root(db: None) -> User:
    """An administrator."""
    return User.objects.create_superuser("root", "root@example.com", "off with their heads")


@pytest.fixture
def answered() -> Iterator[Told]:
    """Measurements of the login page."""
    heard: Told = []

    def hear(*, endpoint: str, status: int, error: str, **_: object) -> None:
        heard.append({"endpoint": endpoint, "status": status, "error": error})

    signals.request_answered.connect(hear)
    yield heard
    signals.request_answered.disconnect(hear)


def sign_in(browser: Browser, password: str, *, username: str = "root", address: str = HERE, path: str = LOGIN) -> Any:
    """Send the form of a login page."""
    browser.get(path)
    form = {
        "username": username,
        "password": password,
        "csrfmiddlewaretoken": browser.cookies["csrftoken"].value,
        "next": "/admin/",
    }
    return browser.post(path, form, REMOTE_ADDR=address)


def fail(browser: Browser, *, times: int = 10, **where: str) -> list[int]:
    """Send wrong passwords; return the statuses."""
    return [sign_in(browser, f"wrong {n}", **where).status_code for n in range(times)]


@pytest.mark.parametrize("username", ["root", "nobody"])
def test_after_too_many_failures_the_admin_says_to_wait(browser: Browser, root: User, username: str) -> None:
    """The limit also holds for unknown accounts. Once it is reached, the right password does not help either."""
    assert fail(browser, username=username) == [200] * 10
    refused = sign_in(browser, "off with their heads", username=username)
    assert (refused.status_code, 1 <= int(refused["Retry-After"]) <= 300) == (429, True)
    assert "There were too many attempts to sign in." in refused.content.decode()
    assert "sessionid" not in browser.cookies


@pytest.mark.parametrize(("first", "second"), [(LOGIN, "/login/"), ("/login/", LOGIN)])
def test_both_pages_count_together(browser: Browser, root: User, first: str, second: str) -> None:
    """Two pages for the same password must not allow twice as many guesses."""
    fail(browser, times=5, path=first)
    assert fail(browser, times=6, path=second) == [200] * 5 + [429]


def test_nobody_else_waits(browser: Browser, root: User, alice: User) -> None:
    """The owner can sign in from another address, and other users from this one."""
    fail(browser, times=12)
    alice.is_staff = True
    alice.save()
    answers = [
        sign_in(Browser(), "off with their heads", address=ELSEWHERE),
        sign_in(Browser(), "wonderland", username="alice"),
    ]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/admin/")] * 2


def test_who_is_no_staff_is_told_so(browser: Browser, alice: User) -> None:
    """The limit must not replace the admin's own form, which refuses users who are not staff."""
    response = sign_in(browser, "wonderland", username="alice")
    assert (response.status_code, "password for a staff account" in response.content.decode()) == (200, True)


def test_it_is_measured_and_recorded(
    browser: Browser, root: User, answered: Told, committed: Callable[..., Any]
) -> None:
    """Operators see that passwords are guessed, and from which address."""
    with committed():
        fail(browser, times=11)
    audit.flush()
    assert answered[-1] == {"endpoint": "admin_login", "status": 429, "error": "temporarily_unavailable"}
    assert {event["status"] for event in answered[:-1]} == {200}
    assert set(AuditEvent.objects.values_list("event", "address", "user__username", "reason")) == {
        ("login_refused", HERE, "root", "wrong username or password"),
        ("login_refused", HERE, "root", "throttled"),
    }


def test_a_page_that_fails_is_measured_as_failed(
    browser: Browser, db: None, answered: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators would not see failures in the metrics otherwise."""

    def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(AdminSite, "login", fail)
    with pytest.raises(LookupError):
        browser.get(LOGIN)
    assert answered == [{"endpoint": "admin_login", "status": 500, "error": ""}]


def test_a_page_that_fails_while_it_is_rendered_is_measured_as_failed(
    browser: Browser, db: None, answered: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's own view renders its template only after the view function has returned."""
    monkeypatch.setattr(LimitedAdminSite, "login_template", "nowhere.html")
    with pytest.raises(TemplateDoesNotExist):
        browser.get(LOGIN)
    assert answered == [{"endpoint": "admin_login", "status": 500, "error": ""}]


def test_while_the_database_is_away_the_page_says_so_and_is_measured_once(
    browser: Browser, root: User, answered: Told
) -> None:
    """The admin's login answers a 503 like our own login page, whatever the host project's error handler does."""
    with failing(OperationalError("connection refused"), at='FROM "auth_user"'):
        answer = sign_in(browser, "off with their heads")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answered[1:] == [{"endpoint": "admin_login", "status": 503, "error": "temporarily_unavailable"}]


def test_who_is_signed_in_goes_on(staff: Browser) -> None:
    """Staff who are signed in already do not need the form."""
    assert staff.get(LOGIN)["Location"] == "/admin/"


def test_the_page_is_open_where_every_other_asks_for_a_login(browser: Browser, db: None, settings: Any) -> None:
    """Otherwise users could not sign in to a project with Django's LoginRequiredMiddleware."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert browser.get(LOGIN).status_code == 200
