"""Responses to programs are JSON, or empty and labelled as JSON, for any address, method and fault."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client as Browser
from pytest_django import Settings

from tests import addresses
from tests.entry import Program
from tests.guide import FORM, JSON, Guide
from tests.test_unavailable import failing

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# Faults of a request, as arguments of Browser.generic().
FAULTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an empty body": {"content_type": FORM},
    "no JSON": {"data": "{", "content_type": JSON},
    "another type": {"data": "<a/>", "content_type": "text/xml"},
    "too long a body": {"data": "a" * 70_000, "content_type": FORM},
    "a length that is no number": {"data": "a=b", "content_type": FORM, "CONTENT_LENGTH": "ten"},
    "no such token": {"headers": {"Authorization": "Bearer AT_unknown"}},
    "no such client": {"data": "client_id=a&client_secret=b&grant_type=c&token=d", "content_type": FORM},
    "no such grant type": {"data": "client_id=presc_man_123&grant_type=c", "content_type": FORM},
    "a token in the URL": {"QUERY_STRING": "access_token=a&client_secret=b"},
    "a query that is not UTF-8": {"QUERY_STRING": "a=%FF"},
}
ENTRIES = {"through Django": Browser, "directly": Program}


def is_json(answer: Any) -> bool:
    """Return whether a program can read the response: JSON or nothing, labelled as JSON."""
    if answer["Content-Type"] != JSON:
        return False
    return not answer.content or isinstance(json.loads(answer.content), dict)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_every_answer_is_json(guide: Guide, entry: str, fault: str) -> None:
    """Clients check the Content-Type before the status: simple-oauth2 takes an empty text/html for a failure."""
    program = ENTRIES[entry](raise_request_exception=False)
    others = [
        (method, path, answer.status_code, answer["Content-Type"])
        for path in addresses.FOR_PROGRAMS
        for method in METHODS
        if not is_json(answer := program.generic(method, path, **FAULTS[fault]))
    ]
    assert others == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_refused_for_the_database_is_json(guide: Guide, entry: str) -> None:
    """The client reads from the 503 that it should try again, and when."""
    program = ENTRIES[entry]()
    body = {"data": "client_id=presc_man_123&client_secret=a&grant_type=b&token=c", "content_type": FORM}
    with failing(OperationalError("it is down")):
        answers = [program.post(path, **body) for path in ("/token/", "/oauth/revoke/")]
    assert [(answer.status_code, is_json(answer)) for answer in answers] == [(503, True)] * 2


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_failure_is_json(guide: Guide, entry: str, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The client reads the reference of the 500 and can report it."""
    access_token = guide.tokens()["access_token"]
    settings.OAUTH_SERVICE_CLAIMS = "tests.test_http.failing_claims"
    answer = ENTRIES[entry]().get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})
    assert (answer.status_code, is_json(answer)) == (500, True)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_revocation_that_worked_is_empty_and_says_that_it_is_json(guide: Guide, entry: str) -> None:
    """RFC 7009 section 2.2: "The content of the response body is ignored by the client"."""
    guide.server = ENTRIES[entry]()
    answer = guide.revoke(guide.tokens()["access_token"])
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"", JSON)


@pytest.mark.parametrize("path", ["/metrics/", "/metrics"])
def test_refusals_of_the_metrics_are_json(settings: Settings, path: str) -> None:
    """
    The metrics themselves have Prometheus's format, but a refusal looks like those of other endpoints for programs.
    """
    settings.OAUTH_SERVICE_METRICS_SECRET = "s" * 32
    browser = Browser(enforce_csrf_checks=True)
    answers = [browser.get(path), browser.post(path), browser.options(path)]
    assert [(answer.status_code, answer["Content-Type"]) for answer in answers] == [
        (401, JSON),
        (405, JSON),
        (200, JSON),
    ]


def test_the_walk_finds_the_endpoints() -> None:
    """Otherwise the tests above would also pass for two empty lists."""
    assert {"/token/", "/userinfo", "/metrics/", "/.well-known/oauth-authorization-server/x"} <= set(
        addresses.FOR_PROGRAMS
    )
    assert {"/login/", "/authorise"} <= set(addresses.FOR_PEOPLE)
