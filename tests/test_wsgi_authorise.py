"""
GET /authorise/ without Django's handler: requests that need no page are answered at once, and Django answers all
others.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError
from django.test import Client as Browser
from django.urls import include, path

from oauth_service import signals, wsgi
from oauth_service.endpoints.authorise import authorise
from oauth_service.endpoints.token import token
from oauth_service.models import AuthorizationCode, Client, Consent
from oauth_service.sessions import SessionStore
from oauth_service.tokens import issue
from tests.entry import Program
from tests.guide import REDIRECT_URI, Guide, query_of

CODE_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 Appendix B


class Left(Exception):
    """The request was left to Django."""


def leave(_environ: dict[str, Any], _start_response: Callable[..., Any]) -> list[bytes]:
    raise Left


def ask(guide: Guide, *, cookie: str = "", method: str = "GET", **changes: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the status and headers of the direct answer to Alice's browser."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/authorise/",
        "QUERY_STRING": urlencode(guide.request(**changes)),
        "HTTP_HOST": "testserver",
        "HTTP_COOKIE": cookie or f"sessionid={guide.browser.cookies['sessionid'].value}",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.url_scheme": "http",
    }
    head: list[Any] = []
    entry = wsgi.direct(leave)
    entry.give_back_connections = lambda: None  # type: ignore[method-assign]  # the test's transaction is on it
    entry(environ, lambda status, headers: head.extend([status, headers]))
    status, headers = head
    return status, headers


@pytest.fixture
def allowed(guide: Guide) -> Guide:
    """Alice, signed in, after she allowed the client all of it."""
    guide.answer()
    AuthorizationCode.objects.all().delete()
    return guide


@pytest.fixture
def answered() -> Iterator[list[dict[str, Any]]]:
    """The requests announced as answered."""
    heard: list[dict[str, Any]] = []

    def hear(**facts: Any) -> None:
        heard.append(facts)

    signals.request_answered.connect(hear)
    yield heard
    signals.request_answered.disconnect(hear)


def test_the_client_gets_its_code(allowed: Guide) -> None:
    """The code can be exchanged, and state and issuer are sent with it."""
    status, headers = ask(allowed)
    answer = query_of(dict(headers)["Location"])
    assert (status, answer["state"], answer["iss"]) == ("302 Found", "xyzABC123", "http://localhost:8000")
    assert allowed.exchange(answer["code"]).status_code == 200


def test_pkce_and_the_narrower_scope_go_with_the_code(allowed: Guide) -> None:
    """The code has the scope of this request, not the whole remembered scope."""
    ask(allowed, scope="profile", code_challenge=CODE_CHALLENGE, code_challenge_method="S256")
    code = AuthorizationCode.objects.get()
    assert (code.scope, code.code_challenge, code.redirect_uri) == ("profile", CODE_CHALLENGE, REDIRECT_URI)


def test_the_answer_is_djangos(allowed: Guide) -> None:
    """Each header is equal and sent once, except for the code in it."""
    browser = Browser()
    browser.cookies = allowed.browser.cookies
    through_django = browser.get("/authorise/", allowed.request())
    _, headers = ask(allowed)
    assert len({name for name, _ in headers}) == len(headers)
    expected = {name: value for name, value in through_django.items() if name != "Location"}
    assert {name: value for name, value in headers if name != "Location"} == expected


def test_both_forms_of_the_url_answer(allowed: Guide) -> None:
    """A trailing slash makes no difference at any endpoint."""
    assert {"/authorise", "/authorise/"} <= set(wsgi.direct(leave)._routes)


def test_it_is_told_once(allowed: Guide, answered: list[dict[str, Any]]) -> None:
    """The event has the endpoint's name, as through Django."""
    ask(allowed)
    assert [(each["endpoint"], each["method"], each["status"]) for each in answered] == [("authorise", "GET", 302)]


def test_an_event_is_told_with_the_address(allowed: Guide, django_capture_on_commit_callbacks: Any) -> None:
    """The audit trail shows the code like any other."""
    heard: list[tuple[object, str]] = []

    def hear(user_id: object, **_: object) -> None:
        heard.append((user_id, signals.current_request().address))

    signals.code_issued.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            ask(allowed)
    finally:
        signals.code_issued.disconnect(hear)
    assert heard == [(allowed.alice.pk, "192.0.2.7")]


# -- requests that are left to Django ----------------------------------------------------------------------------------


def deactivate_alice(_guide: Guide) -> None:
    User.objects.update(is_active=False)


def change_the_password(guide: Guide) -> None:
    guide.alice.set_password("another")
    guide.alice.save()


def end_the_session(_guide: Guide) -> None:
    Session.objects.all().delete()


def withdraw(_guide: Guide) -> None:
    Consent.objects.all().delete()


def deactivate_the_client(_guide: Guide) -> None:
    Client.objects.update(is_active=False)


def ask_each_time(_guide: Guide) -> None:
    Client.objects.update(remembers_consent=False)


@pytest.mark.parametrize(
    "happens",
    [deactivate_alice, change_the_password, end_the_session, withdraw, deactivate_the_client, ask_each_time],
)
def test_nobody_gets_a_code_who_may_not(
    allowed: Guide, answered: list[dict[str, Any]], happens: Callable[[Guide], None]
) -> None:
    """Django's handler explains the refusal. Until then nothing is written and nothing is announced."""
    happens(allowed)
    with pytest.raises(Left):
        ask(allowed)
    assert (AuthorizationCode.objects.count(), answered) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": ""},
        {"redirect_uri": "https://evil.example/"},
        {"response_type": "token"},
        {"response_type": ""},
        {"scope": "user profile more"},
        {"code_challenge": "short", "code_challenge_method": "S256"},
        {"request": "eyJ"},
        {"cookie": "sessionid=unknown"},
        {"cookie": "other=1"},
        {"cookie": 'sessionid="\\000"'},
        {"method": "HEAD"},
        {"method": "POST"},
    ],
    ids=str,
)
def test_invalid_authorization_requests_are_left_to_django(
    allowed: Guide, answered: list[dict[str, Any]], changes: dict[str, str]
) -> None:
    """Django's handler makes all pages, error redirects and the way to the login."""
    with pytest.raises(Left):
        ask(allowed, **changes)
    assert (AuthorizationCode.objects.count(), answered) == (0, [])


def test_a_failure_is_djangos_to_answer(
    allowed: Guide, answered: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's handler has a page for an unavailable database."""

    def fail(*_: Any, **__: Any) -> str:
        raise OperationalError("the database is away")

    monkeypatch.setattr(issue, "code", fail)
    with pytest.raises(Left):
        ask(allowed)
    assert answered == []


@pytest.mark.parametrize(
    ("failure", "tried", "status"),
    [(OperationalError("the database is away"), 1, 503), (LookupError("another"), 2, 500)],
)
def test_what_was_waited_for_in_vain_is_not_waited_for_again(
    allowed: Guide, monkeypatch: pytest.MonkeyPatch, failure: Exception, tried: int, status: int
) -> None:
    """
    A database that does not respond holds a thread until the timeout: once per request, as without the fast path.
    """
    attempts: list[bool] = []

    def fail(*_: Any) -> None:
        attempts.append(True)
        raise failure

    monkeypatch.setattr(SessionStore, "load", fail)
    browser = Program(raise_request_exception=False)
    browser.cookies = allowed.browser.cookies
    answer = browser.get("/authorise/", allowed.request())
    assert (answer.status_code, len(attempts)) == (status, tried)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREPEND_WWW", True),
        ("DISALLOWED_USER_AGENTS", ["x"]),
        ("SESSION_SAVE_EVERY_REQUEST", True),
        ("SECRET_KEY_FALLBACKS", ["an older key"]),
        ("OAUTH_SERVICE_ISSUER", ""),
    ],
)
def test_settings_that_need_djangos_middleware_are_heard(
    allowed: Guide, settings: LazySettings, name: str, value: object
) -> None:
    """These settings refuse requests, or change the cookie in the response."""
    setattr(settings, name, value)
    with pytest.raises(Left):
        ask(allowed)


def test_a_projects_own_middleware_sees_every_person(allowed: Guide, settings: LazySettings) -> None:
    """A project's middleware may require a second factor."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    with pytest.raises(Left):
        ask(allowed)


@pytest.mark.parametrize("lacks", [wsgi.SESSIONS, wsgi.USERS])
def test_a_project_that_knows_people_otherwise_is_asked(allowed: Guide, settings: LazySettings, lacks: str) -> None:
    """Without Django's two middlewares the fast path cannot know the user."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != lacks]
    with pytest.raises(Left):
        ask(allowed)


# -- side effects of Django that are left to it ------------------------------------------------------------------------


def test_a_session_that_django_ends_is_not_ended_here(allowed: Guide) -> None:
    """get_user() flushes the session of a user with a new password. Django does that together with its response."""
    change_the_password(allowed)
    with pytest.raises(Left):
        ask(allowed)
    assert Session.objects.count() == 1


def test_a_session_that_django_renews_keeps_its_key(allowed: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A user model may accept older hashes: get_user() then gives the session a new key, and Django sends the cookie.
    """
    session = allowed.browser.session
    session["_auth_user_hash"] = "an older hash"
    session.save()
    monkeypatch.setattr(User, "get_session_auth_fallback_hash", lambda user: ["an older hash"])
    with pytest.raises(Left):
        ask(allowed)
    assert (Session.objects.get().session_key, AuthorizationCode.objects.count()) == (session.session_key, 0)


def test_a_session_that_changes_as_it_is_read_is_djangos(allowed: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session engine may extend a session on use, which Django stores and sends as a cookie."""
    load = SessionStore.load

    def prolong(session: SessionStore) -> Any:
        session.modified = True
        return load(session)

    monkeypatch.setattr(SessionStore, "load", prolong)
    with pytest.raises(Left):
        ask(allowed)
    assert AuthorizationCode.objects.count() == 0


@pytest.mark.parametrize("sent", ["{key}\xa0", "{key}; \xa0sessionid=unknown"], ids=ascii)
def test_cookies_are_read_as_django_reads_them(allowed: Guide, sent: str) -> None:
    """Cookies are read as UTF-8: in another charset another byte is a space, which would be stripped."""
    key = allowed.browser.cookies["sessionid"].value
    environ = {"HTTP_COOKIE": "sessionid=" + sent.format(key=key)}
    reads = WSGIRequest({"REQUEST_METHOD": "GET", "wsgi.input": BytesIO()} | environ).COOKIES["sessionid"] == key
    gets = True
    try:
        ask(allowed, cookie=environ["HTTP_COOKIE"])
    except Left:
        gets = False
    assert gets == reads


@pytest.mark.parametrize("secret", ["", "short", "!" * 32])
def test_a_csrf_cookie_that_django_replaces_is_left_to_it(allowed: Guide, secret: str) -> None:
    """Django replaces the cookie with any response."""
    key = allowed.browser.cookies["sessionid"].value
    with pytest.raises(Left):
        ask(allowed, cookie=f"sessionid={key}; csrftoken={secret}")


@pytest.mark.parametrize("secret", ["a" * 32, "a" * 64])
def test_a_csrf_cookie_that_django_keeps_is_no_hindrance(allowed: Guide, secret: str) -> None:
    """Every user who has seen one of our pages has such a cookie."""
    key = allowed.browser.cookies["sessionid"].value
    assert ask(allowed, cookie=f"sessionid={key}; csrftoken={secret}")[0] == "302 Found"


def test_a_view_that_the_project_has_put_before_ours_is_asked(allowed: Guide, settings: LazySettings) -> None:
    """The project may wrap our view in a decorator for a second factor, under the same URL name."""
    settings.ROOT_URLCONF = (
        path("authorise/", lambda request: authorise(request)),
        path("token", lambda request: token(request)),
        path("", include("oauth_service.urls")),
    )
    ways = set(wsgi.direct(leave)._routes)
    assert {"/authorise", "/authorise/", "/token", "/token/"} & ways == {"/authorise", "/token/"}


def test_the_charset_is_the_projects(allowed: Guide, settings: LazySettings) -> None:
    """The response has no text, but Django names the charset anyway."""
    settings.DEFAULT_CHARSET = "iso-8859-1"
    assert dict(ask(allowed)[1])["Content-Type"] == "text/html; charset=iso-8859-1"
