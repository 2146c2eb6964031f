"""
A user who was signed out everywhere has no session on any page, with any session store, on the fast path or through
Django.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import SessionMark
from oauth_service.urls import urlpatterns
from oauth_service.web import ended_sessions
from tests.actors import FORM
from tests.database import connection
from tests.entry import Program
from tests.guide import Guide
from tests.revocation.actors import Console, console_of

STORES = [
    "django.contrib.sessions.backends.db",
    "django.contrib.sessions.backends.cache",
    "django.contrib.sessions.backends.cached_db",
    "django.contrib.sessions.backends.signed_cookies",
    "oauth_service.sessions",
]
# /metrics/ uses no session.
PAGES = sorted(
    f"/{pattern.pattern}"
    for pattern in urlpatterns
    if not hasattr(pattern.callback, "answer") and pattern.name != "metrics"
)


def test_there_are_pages_to_walk() -> None:
    """An empty list has no faults."""
    assert {"/authorise/", "/device/", "/manage-apps/", "/login/", "/oauth/logout/", "/oauth/deauthorise/"} <= set(
        PAGES
    )


@pytest.mark.parametrize("path", PAGES)
def test_no_page_knows_whoever_was_signed_out(console: Console, alice: User, path: str) -> None:
    """The session has ended, whichever page the user opens first."""
    browser = Browser()
    browser.force_login(alice)
    console.end(alice)
    browser.get(path)
    browser.post(path, "", content_type=FORM)
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("store", STORES)
def test_a_session_ends_wherever_it_is_kept(console: Console, alice: User, settings: Settings, store: str) -> None:
    """The server cannot delete a session that the browser keeps in a cookie."""
    settings.SESSION_ENGINE = store
    browser = Browser()
    browser.force_login(alice)
    assert browser.get("/manage-apps/").status_code == 200
    console.end(alice)
    assert [browser.get("/manage-apps/").status_code for _ in range(2)] == [302, 302]


def test_a_session_that_is_older_than_the_setting_ends_too(guide: Guide, alices: Browser, settings: Settings) -> None:
    """Sessions had no marks before the setting was switched on."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    assert alices.get("/manage-apps/").status_code == 200
    console_of("console").end(guide.alice)
    assert alices.get("/manage-apps/").status_code == 302


def test_the_direct_way_leaves_it_to_django(console: Console, guide: Guide, settings: Settings) -> None:
    """The fast path answers if consent is remembered. It must not answer for an ended session."""
    settings.OAUTH_SERVICE_ISSUER = "http://localhost:8000"
    program = Program()
    program.force_login(guide.alice)
    guide.tokens()
    assert "code=" in program.get("/authorise/", guide.request())["Location"]
    SessionMark.objects.renew([guide.alice.pk], now=timezone.now())  # the consent stays: only the session has ended
    assert program.get("/authorise/", guide.request())["Location"].startswith("/login/")


def test_the_admin_does_not_open_any_more(console: Console, admin_client: Browser, admin_user: User) -> None:
    """The session of a project that uses our admin site ends there, too."""
    assert admin_client.get("/admin/").status_code == 200
    console.end(admin_user)
    assert admin_client.get("/admin/").status_code == 302


def test_a_sign_out_elsewhere_keeps_other_peoples_sessions(console: Console, alices: Browser) -> None:
    """Only the sessions of the named user end."""
    console.end(User.objects.create_user("bob"))
    assert alices.get("/manage-apps/").status_code == 200


def statements_of(browser: Browser) -> Iterator[str]:
    """Statements of a signed-in user's page."""
    with CaptureQueriesContext(connection) as statements:
        browser.get("/manage-apps/")
    return (query["sql"] for query in statements.captured_queries)


def test_without_the_setting_nobody_pays_for_it(alices: Browser, alice: User, settings: Settings) -> None:
    """Pages and sign-ins look for a mark only if the setting is on, and then once."""
    counts = []
    for is_on in (False, True):
        settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = is_on
        counts.append(sum("sessionmark" in sql for sql in statements_of(alices)))
        with CaptureQueriesContext(connection) as statements:
            Browser().force_login(alice)
        counts.append(sum("sessionmark" in query["sql"] for query in statements.captured_queries))
    assert counts == [0, 0, 1, 1]


def test_a_user_who_was_never_signed_out_everywhere_has_no_row(console: Console, guide: Guide) -> None:
    """A user gets a row at the first consent, because a consent must not race with a revocation."""
    guide.browser.force_login(guide.alice)
    guide.browser.get("/manage-apps/")
    assert SessionMark.objects.count() == 0
    guide.tokens()
    assert [each.mark.hex for each in SessionMark.objects.all()] == [SessionMark.NO_MARK]


def test_a_browser_without_a_session_is_nobodys(console: Console, browser: Browser) -> None:
    """A request without a session needs no statement."""
    with CaptureQueriesContext(connection) as statements:
        browser.get("/login/")
    assert [query for query in statements.captured_queries if "sessionmark" in query["sql"]] == []
    assert ended_sessions.SESSION_KEY not in browser.session
