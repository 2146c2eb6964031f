"""Requests and tracebacks are emptied before they are reported."""

import io
import sys
from types import TracebackType
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter, get_exception_reporter_filter
from pytest_django import Settings

from oauth_service import conf, urls
from oauth_service.web import reports
from oauth_service.web.reports import detach, forget_locals, redacted_reports, seal
from tests.guide import FORM, Guide

HUSH = "hush" * 3  # not a literal in this file, because reports show lines of the source
HEADERS = {"Authorization": f"Bearer {HUSH}", "Cookie": f"sessionid={HUSH}; csrftoken={HUSH}"}
PATHS = sorted({f"/{pattern.pattern}".replace("<path:issuer_path>", "tenant") for pattern in urls.urlpatterns})


def sent(path: str = f"/token/?code={HUSH}") -> HttpRequest:
    """A request full of secrets."""
    return RequestFactory().post(path, f"token={HUSH}&code={HUSH}", content_type=FORM, headers=HEADERS)


def shown(request: HttpRequest) -> str:
    """Everything that a report takes from a request."""
    return repr(
        [request, request.body, request.POST, request.GET, request.COOKIES, request.META, dict(request.headers)]
    )


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_sealed_request_has_nothing_left(looked_at: bool) -> None:
    """Django may have parsed the request before it is sealed."""
    request = sent()
    if looked_at:
        assert "hush" in shown(request)
    seal(request)
    assert "hush" not in shown(request)


def test_an_asgi_request_keeps_no_second_copy() -> None:
    """The scope of an ASGI request holds the headers and the query a second time."""
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    scope: Any = {"type": "http", "method": "POST", "path": "/token/", "query_string": b"code=hush", "headers": headers}
    request = ASGIRequest(scope, body_file=io.BytesIO())
    assert "hush" in repr(request.scope)
    seal(request)
    assert "hush" not in repr(request.scope)


def test_a_query_without_secrets_stays_as_it_is() -> None:
    """Operators need the query to see what was requested."""
    request = sent("/authorise/?scope=user&state=xyz&state=")
    seal(request)
    assert request.META["QUERY_STRING"] == "scope=user&state=xyz&state="


@pytest.mark.parametrize(
    "query",
    [
        f"client_id={HUSH}&state=xyz",
        f"client%5Fid={HUSH}&state=xyz",
        f"state=xyz&client_id=app&client_id={HUSH}",
        f"state=xyz&next={quote(f'/authorise/?client_id={HUSH}')}",
        f"state=xyz&next={quote(f'/login/?next=/authorise/?client_id={HUSH}')}",
        f"state=xyz&next={quote('/login/?' + 'next=?' * 5000 + f'client_id={HUSH}')}",
    ],
)
@pytest.mark.parametrize("server_says", ["", "RAW_URI", "REQUEST_URI"])
def test_a_client_id_of_a_url_is_a_digest(query: str, server_says: str) -> None:
    """A user may have typed a password into the URL, and the page after the sign-in repeats it."""
    request = sent(f"/authorise/?{query}")
    request.META["HTTP_REFERER"] = f"https://auth.example.com/login/?{query}"
    if server_says:
        request.META[server_says] = f"/authorise/?{query}"
    seal(request)
    assert "hush" not in shown(request)
    assert request.GET["state"] == "xyz"


def test_two_client_ids_can_be_told_apart() -> None:
    """Operators can compute the digest of a known client_id and find it in the log."""
    request = sent("/authorise/?client_id=app")
    seal(request)
    assert request.GET["client_id"] == conf.claimed_name("app")


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_no_secret_is_left_in_the_target_as_the_server_says_it(name: str) -> None:
    """gunicorn and uWSGI add the target under names of their own, beside QUERY_STRING."""
    request = sent()
    request.META[name] = f"/token/?code={HUSH}"
    seal(request)
    assert "hush" not in shown(request)


def test_the_endpoint_has_the_complete_request() -> None:
    """The endpoint keeps the body and the headers; the request that reports show has none."""
    request = sent("/token/")
    twin = detach(request)
    assert (twin.body, twin.META["HTTP_AUTHORIZATION"]) == (f"token={HUSH}&code={HUSH}".encode(), f"Bearer {HUSH}")
    assert "hush" not in shown(request)


def fail(secret: str) -> None:
    """A failure with another one as its cause."""
    try:
        raise KeyError(len(secret))
    except KeyError as cause:
        raise ValueError("it failed") from cause


def secrets_of(traceback: TracebackType | None) -> list[Any]:
    """Values of `secret` in the frames of a failure."""
    found = []
    while traceback:
        found.append(traceback.tb_frame.f_locals.get("secret"))
        traceback = traceback.tb_next
    return [value for value in found if value]


def test_the_frames_of_a_failure_and_of_its_cause_are_emptied() -> None:
    """The traceback still shows where the code failed."""
    with pytest.raises(ValueError, match="it failed") as failure, redacted_reports():
        fail("hush")
    cause = failure.value.__cause__
    assert cause
    assert secrets_of(failure.tb) + secrets_of(cause.__traceback__) == []
    assert "fail" in [entry.name for entry in failure.traceback]


def test_without_that_they_would_tell() -> None:
    """Otherwise the test above could look in the wrong place."""
    with pytest.raises(ValueError, match="it failed") as failure:
        fail("hush")
    assert secrets_of(failure.tb) == ["hush"]


def test_a_row_that_the_database_refused_is_not_in_its_words() -> None:
    """PostgreSQL's error message quotes the whole row, including the secret that seals its tokens."""
    failure = RuntimeError("null value violates a constraint\nDETAIL:  Failing row contains (1, hush).")
    forget_locals(failure)
    assert str(failure) == "null value violates a constraint"


# -- outside of our endpoints ------------------------------------------------------------------------------------------


def report(request: HttpRequest) -> str:
    """Django's report of a failure, as text and as HTML."""
    try:
        fail(HUSH)
    except ValueError:
        reporter = ExceptionReporter(request, *sys.exc_info())
        return reporter.get_traceback_text() + reporter.get_traceback_html()
    return ""


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", [*PATHS, "/admin/login/"])
def test_a_failure_before_our_endpoint_is_reported_without_the_request(
    settings: Settings, path: str, debug: bool
) -> None:
    """
    Django mails requests that fail in a host's middleware. The filter must cover all our URLs and the admin's login.
    """
    settings.DEBUG = debug
    text = report(sent(f"{path}?token={HUSH}"))
    assert (HUSH in text, "POST" in text) == (False, True)


def test_elsewhere_djangos_reports_are_as_they_were() -> None:
    """Reports about other URLs belong to the host project."""
    assert HUSH in report(sent("/elsewhere/"))


def test_the_filter_is_in_place_without_a_setting() -> None:
    """Operators must not have to remember a setting."""
    assert isinstance(get_exception_reporter_filter(sent()), reports.ReporterFilter)
    assert project.DEFAULT_EXCEPTION_REPORTER_FILTER == "oauth_service.web.reports.ReporterFilter"


# -- Sentry ------------------------------------------------------------------------------------------------------------


def event(url: str) -> dict[str, Any]:
    """An event as the SDK is about to send it."""
    frames = {"frames": [{"function": "token", "vars": {"secret": "hush"}}]}
    brought = {"data": {"code": "hush"}, "headers": {"Authorization": "hush"}, "query_string": "code=hush"}
    return {"request": {"url": url, **brought}, "exception": {"values": [{"type": "KeyError", "stacktrace": frames}]}}


def test_an_event_about_our_endpoint_is_emptied() -> None:
    """The event keeps the location and the kind of the failure."""
    left = reports.before_send(event("https://auth.example.com/token/"), {})
    assert "hush" not in repr(left)
    assert left["exception"]["values"][0]["stacktrace"]["frames"] == [{"function": "token"}]


@pytest.mark.parametrize("url", ["https://auth.example.com/elsewhere/", ""])
def test_other_events_are_as_they_were(url: str) -> None:
    """Events about other URLs belong to the host project."""
    assert reports.before_send(event(url), {}) == event(url)


# -- forms -------------------------------------------------------------------------------------------------------------


def test_a_password_is_out_of_the_request_once_the_form_has_it(guide: Guide, alice: User) -> None:
    """Later failures, such as one in a signal receiver, must not report the password."""
    answer = guide.browser.post("/login/", {"username": "alice", "password": "wonderland", "next": "/manage-apps/"})
    assert (answer.status_code, answer["Location"]) == (302, "/manage-apps/")
    assert "wonderland" not in shown(answer.wsgi_request)
