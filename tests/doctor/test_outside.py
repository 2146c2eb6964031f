"""Findings about a deployment from the network: responses of a good one, and one broken response at a time."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.sites import ROOT
from oauth_service.watch.doctor.answer import Answer
from oauth_service.watch.doctor.outside import Outside, findings

URL = "https://id.example"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATE = ("Date", "Sun, 01 Mar 2026 12:00:00 GMT")
JSON = ("Content-Type", "application/json")
HTML = ("Content-Type", "text/html; charset=utf-8")
NO_STORE = ("Cache-Control", "no-store")
CSP = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
HSTS = ("Strict-Transport-Security", "max-age=31536000")
COOKIE = ("Set-Cookie", "csrftoken=x; Path=/; SameSite=Lax; Secure")
REFUSAL = json.dumps({"error": "invalid_request", "error_description": "grant_type is missing"}).encode()

Change = Callable[[Outside], Outside]


def answer(path: str, status: int, *headers: tuple[str, str], body: bytes = b"", method: str = "GET") -> Answer:
    """A response of the good deployment."""
    return Answer(method=method, url=URL + path, at=NOW, status=status, headers=headers, body=body)


def metadata(**members: str) -> bytes:
    """Metadata of the good deployment, with other members."""
    said = {"issuer": URL, "token_endpoint": f"{URL}/token/", "authorization_endpoint": f"{URL}/authorise/"}
    return json.dumps({**said, **members}).encode()


def pair(path: str, status: int, *headers: tuple[str, str], body: bytes = REFUSAL) -> tuple[Answer, Answer]:
    """The same response at both forms of a URL."""
    return answer(path, status, *headers, body=body), answer(path.rstrip("/"), status, *headers, body=body)


GOOD = Outside(
    url=URL,
    issuer=URL,
    metadata=answer("/.well-known/oauth-authorization-server", 200, JSON, DATE, body=metadata()),
    pairs={
        "/token/": pair("/token/", 400, JSON, NO_STORE),
        "/authorise/": pair("/authorise/", 400, HTML, CSP, body=b"<html>"),
    },
    bearer=answer("/userinfo/", 401, JSON, ("WWW-Authenticate", 'Bearer error="invalid_token"')),
    login=answer("/login/", 200, HTML, CSP, HSTS, COOKIE),
    sign_in=answer("/login/", 200, HTML),
    plain=Answer(method="GET", url="http://id.example/login/", at=NOW, status=301, headers=(("Location", f"{URL}/"),)),
    readiness=answer("/readyz", 200, JSON),
    metrics=answer("/metrics/", 404),
)


def ids(outside: Outside) -> list[str]:
    """Ids of the findings."""
    return [finding.id for finding in findings(outside)]


def said(body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (JSON, DATE)) -> Change:
    """Change the metadata."""
    return lambda good: replace(good, metadata=replace(good.metadata, status=status, headers=headers, body=body))


def login(*headers: tuple[str, str], status: int = 200) -> Change:
    """Change the login page."""
    return lambda good: replace(good, login=answer("/login/", status, *headers))


def token(first: Answer, second: Answer | None = None) -> Change:
    """Change the responses of the token endpoint."""
    return lambda good: replace(good, pairs={"/token/": (first, second or replace(first, url=f"{URL}/token"))})


def changed(**parts: object) -> Change:
    """Change another part."""
    return lambda good: replace(good, **parts)  # type: ignore[arg-type]


BROKEN: dict[str, tuple[str, Change]] = {
    "nothing answers": ("unreachable", changed(metadata=replace(GOOD.metadata, status=0, fault="refused"))),
    "no metadata": ("no-metadata", said(b"<html>", status=404)),
    "metadata without an issuer": ("no-metadata", said(b"{}")),
    "another issuer": (
        "issuer-differs",
        lambda good: replace(said(json.dumps({"issuer": "https://other.example"}).encode())(good), issuer=""),
    ),
    "another deployment": ("another-deployment", changed(issuer="https://other.example")),
    "endpoints elsewhere": ("endpoints-elsewhere", said(metadata(token_endpoint="http://10.0.0.1/token/"))),
    "a page that redirects to itself": ("https-unseen", login(("Location", f"{URL}/login/"), status=301)),
    "http where https is required": (
        "http-redirects",
        changed(
            url="http://id.example",
            login=Answer(
                method="GET",
                url="http://id.example/login/",
                at=NOW,
                status=301,
                headers=(("Location", f"{URL}/login/"),),
            ),
            pairs={"/token/": pair("/token/", 301, ("Location", f"{URL}/token/"))},
        ),
    ),
    "its own form is refused": ("https-unseen", changed(sign_in=answer("/login/", 403, HTML))),
    "no HSTS": ("no-hsts", login(HTML, CSP, COOKIE)),
    "a short HSTS": ("no-hsts", login(HTML, CSP, COOKIE, ("Strict-Transport-Security", "max-age=60"))),
    "http answers": ("http-answered", changed(plain=replace(GOOD.login, url="http://id.example/login/"))),
    "http redirects to http": (
        "http-answered",
        changed(plain=answer("/login/", 301, ("Location", "http://id.example/"))),
    ),
    "the slash is added": (
        "endpoint-redirects",
        token(answer("/token/", 400, JSON, NO_STORE, body=REFUSAL), answer("/token", 301, ("Location", "/token/"))),
    ),
    "only one form is routed": (
        "slash-matters",
        token(answer("/token/", 400, JSON, NO_STORE, body=REFUSAL), answer("/token", 404, HTML)),
    ),
    "the server fails": ("server-fails", token(answer("/token/", 502, HTML))),
    "the proxy's own error page": ("refusal-replaced", token(answer("/token/", 400, HTML))),
    "a refusal without words": ("refusal-replaced", token(answer("/token/", 400, JSON, NO_STORE, body=b"{}"))),
    "answers may be kept": ("answers-cached", token(answer("/token/", 400, JSON, body=REFUSAL))),
    "no challenge": ("challenge-lost", changed(bearer=answer("/userinfo/", 401, JSON))),
    "no Authorization header": (
        "authorization-lost",
        changed(bearer=answer("/userinfo/", 401, JSON, ("WWW-Authenticate", 'Bearer realm="x"'))),
    ),
    "no login page": ("no-login", login(HTML, HSTS, status=404)),
    "no policy": ("csp-missing", login(HTML, HSTS, COOKIE)),
    "a weak policy": ("csp-weak", login(HTML, HSTS, COOKIE, (CSP[0], CSP[1] + "; script-src 'unsafe-inline'"))),
    "a cookie without Secure": ("cookie-insecure", login(HTML, CSP, HSTS, ("Set-Cookie", "a=b; SameSite=Lax"))),
    "a cookie without SameSite": ("cookie-everywhere", login(HTML, CSP, HSTS, ("Set-Cookie", "a=b; Secure"))),
    "a clock": ("clock", said(metadata(), headers=(JSON, ("Date", "Sun, 01 Mar 2026 12:00:11 GMT")))),
    "not ready": ("not-ready", changed(readiness=answer("/readyz", 503, JSON, body=b'{"missing": ["database"]}'))),
    "metrics for everybody": (
        "metrics-open",
        changed(metrics=answer("/metrics/", 200, body=b"# HELP oauth_service_requests_total")),
    ),
    "not ready, in other words": ("not-ready", changed(readiness=answer("/readyz", 503, HTML, body=b"<html>"))),
}


def test_nothing_is_found_in_a_good_deployment() -> None:
    """Operators ignore a report that always finds something."""
    assert ids(GOOD) == []


@pytest.mark.parametrize("broken", BROKEN)
def test_each_broken_deployment_has_its_finding(broken: str) -> None:
    """Each fault has exactly one kind of finding, so that consequences do not hide the cause."""
    expected, change = BROKEN[broken]
    assert set(ids(change(GOOD))) == {expected}


def test_every_rule_is_seen_to_bite() -> None:
    """A rule that nothing can break is useless."""
    source = (ROOT / "oauth_service/watch/doctor/outside.py").read_text()
    rules = set(re.findall(r'\b(?:error|warning|note|found)\(\s*"([a-z-]+)"', source))
    assert rules - {expected for expected, _change in BROKEN.values()} == {"http-at-home", "no-https"}  # tested below


@pytest.mark.parametrize(
    ("url", "found"), [("http://127.0.0.1:8000", "http-at-home"), ("http://id.example", "no-https")]
)
def test_http_is_for_this_machine_only(url: str, found: str) -> None:
    """Developers see which checks were skipped. In production http is unsafe."""
    at_home = replace(
        GOOD,
        url=url,
        issuer=url,
        plain=None,
        metadata=replace(GOOD.metadata, body=json.dumps({"issuer": url}).encode()),
    )
    assert ids(at_home) == [found]


def test_a_clock_that_is_minutes_off_is_an_error() -> None:
    """Authorization codes are valid for a minute only."""
    late = replace(GOOD, metadata=replace(GOOD.metadata, at=NOW + timedelta(minutes=2)))
    [finding] = findings(late)
    assert (finding.id, finding.level.name) == ("clock", "ERROR")


def test_another_page_at_the_address_of_the_metrics_is_none() -> None:
    """A project may have a page of its own at /metrics/."""
    assert ids(replace(GOOD, metrics=answer("/metrics/", 200, HTML, body=b"<html>Our metrics"))) == []


def test_an_answer_without_a_date_is_not_held_against_a_clock() -> None:
    """The doctor cannot compare a clock with a response that has no date."""
    assert ids(said(metadata(), headers=(JSON,))(GOOD)) == []
