"""The system checks find each middleware and setting of a project that would break our endpoints."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import LoginView
from django.urls import include, path
from django.views.defaults import server_error
from pytest_django import Settings

from oauth_service import host_checks
from oauth_service.checks import check_surroundings
from tests.hosts import frameworks
from tests.hosts.test_login_required import AUTHENTICATION, LOGIN_REQUIRED, with_login_required

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


class Corsheaders:
    """Stand-in for django-cors-headers."""


class Own(LoginRequiredMiddleware):
    """A project's own subclass of the middleware."""


ninja_urls = (*frameworks.api.urls[0], path("", include("oauth_service.urls")))
urlpatterns = [
    path("", include("oauth_service.urls")),
    path("closed/", server_error),
    path("open/", login_not_required(partial(server_error))),
    path("djangos/", LoginView.as_view()),
]


def found() -> list[tuple[str, str]]:
    """Id and sentence of each finding."""
    return [(str(each.id).removeprefix("oauth_service."), each.msg) for each in check_surroundings(None)]


@pytest.mark.parametrize(
    ("later", "earlier"), [(AUTHENTICATION, SESSIONS), (MESSAGES, SESSIONS), (LOGIN_REQUIRED, AUTHENTICATION)]
)
def test_middleware_before_what_it_needs_is_an_error(settings: Settings, later: str, earlier: str) -> None:
    """The server would answer every request with a 500."""
    middleware = with_login_required(settings.MIDDLEWARE)
    middleware.remove(later)
    middleware.insert(middleware.index(earlier), later)
    settings.MIDDLEWARE = middleware
    assert ("E012", f"MIDDLEWARE has {later} before {earlier}, which it needs.") in found()


def test_a_csrf_check_that_needs_sessions_comes_after_them(settings: Settings) -> None:
    """The CSRF middleware needs sessions only if it keeps its secret there."""
    settings.MIDDLEWARE = [CSRF, *(each for each in settings.MIDDLEWARE if each != CSRF)]
    assert found() == []
    settings.CSRF_USE_SESSIONS = True
    assert found() == [("E012", f"MIDDLEWARE has {CSRF} before {SESSIONS}, which it needs.")]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/closed/", ["E020"]),
        ("/open/", []),
        ("/djangos/", []),
        ("oauth_service:login", []),
        ("https://id.example/", []),
    ],
)
@pytest.mark.parametrize("middleware", [LOGIN_REQUIRED, f"{__name__}.Own"])
def test_a_sign_in_page_that_asks_for_a_sign_in_is_an_error(
    settings: Settings, url: str, expected: list[str], middleware: str
) -> None:
    """Such a page would redirect to itself for ever."""
    settings.LOGIN_URL = url
    settings.MIDDLEWARE = [
        middleware if each == LOGIN_REQUIRED else each for each in with_login_required(settings.MIDDLEWARE)
    ]
    assert [number for number, _sentence in found()] == expected


@pytest.mark.urls(__name__)
def test_without_the_middleware_any_sign_in_page_will_do(settings: Settings) -> None:
    """No view asks for a sign-in if the project does not use the middleware."""
    settings.LOGIN_URL = "/closed/"
    assert found() == []


def test_operations_of_django_ninja_that_a_session_is_asked_for_are_told(settings: Settings) -> None:
    """The middleware would ask API clients for a session. Exempt views and projects without it have no such problem."""
    settings.ROOT_URLCONF = ninja_urls
    assert found() == []
    settings.MIDDLEWARE = with_login_required(settings.MIDDLEWARE)
    [(number, sentence)] = found()
    # The list may include operations of other tests of this process.
    named = set(sentence.rpartition(" of ")[2].rstrip(".").split(", "))
    assert (number, named >= {"coroutine", "numbered", "operation"}) == ("W011", True)
    settings.ROOT_URLCONF = "tests.hosts.urls"
    assert found() == []


def test_a_login_required_of_another_package_is_told_of_our_addresses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a middleware ignores Django's own mark on our views."""
    monkeypatch.setattr(host_checks, "STRONGHOLD", f"{__name__}.Corsheaders")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.Corsheaders"]
    [(number, sentence)] = found()
    assert (number, "/token/" in sentence, "/login/" in sentence) == ("W011", True, True)
    settings.STRONGHOLD_PUBLIC_URLS = [r"^/(?!admin/)"]
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CORS_ALLOWED_ORIGINS", ["https://app.example"], ["W011"]),
        ("CORS_URLS_REGEX", r"^/api/.*$", []),
        ("CORS_ALLOW_ALL_ORIGINS", True, []),
    ],
)
def test_a_cors_middleware_that_answers_for_us_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, expected: list[str]
) -> None:
    """A single-page app on another origin could not get its tokens."""
    monkeypatch.setattr(host_checks, "CORS", f"{__name__}.Corsheaders")
    settings.MIDDLEWARE = [f"{__name__}.Corsheaders", *settings.MIDDLEWARE]
    setattr(settings, name, value)
    assert [number for number, _sentence in found()] == expected


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SESSION_COOKIE_PATH", "/app/", "SESSION_COOKIE_PATH '/app/' does not cover /authorise/"),
        ("CSRF_COOKIE_PATH", "/login", "CSRF_COOKIE_PATH '/login' does not cover /authorise/"),
        ("SESSION_COOKIE_DOMAIN", "other.example", "does not cover localhost"),
        ("CSRF_COOKIE_DOMAIN", ".host", "does not cover localhost"),
        ("SESSION_COOKIE_SAMESITE", "Strict", "SESSION_COOKIE_SAMESITE"),
        ("PREPEND_WWW", True, "PREPEND_WWW"),
        ("DEFAULT_CHARSET", "latin-1", "DEFAULT_CHARSET"),
    ],
)
def test_a_setting_that_breaks_us_is_told(settings: Settings, name: str, value: Any, words: str) -> None:
    """Each finding names the setting and its effect."""
    setattr(settings, name, value)
    [(number, sentence)] = found()
    assert (number, words in sentence) == ("W012", True), sentence


@pytest.mark.parametrize(
    ("issuer", "name", "value"),
    [
        ("https://auth.example.com", "SESSION_COOKIE_DOMAIN", ".example.com"),
        ("https://auth.example.com", "CSRF_COOKIE_DOMAIN", "example.com"),
        ("https://www.example.com", "PREPEND_WWW", True),
        ("", "PREPEND_WWW", True),
        ("https://auth.example.com", "DEFAULT_CHARSET", "UTF-8"),
    ],
)
def test_a_setting_that_fits_is_not_mentioned(settings: Settings, issuer: str, name: str, value: Any) -> None:
    """Operators learn to ignore a warning that is always there."""
    settings.OAUTH_SERVICE_ISSUER = issuer
    setattr(settings, name, value)
    assert found() == []
