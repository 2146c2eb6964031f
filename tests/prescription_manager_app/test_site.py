"""The site around the app: headers, cookies, settings, and its independence of the server."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.core.checks import run_checks
from django.db import OperationalError
from django.template import engines
from django.template.backends.django import DjangoTemplates
from pytest_django import Settings

import prescription_manager_app
from tests.prescription_manager_app.conftest import Browser

PACKAGE = Path(prescription_manager_app.__file__).parent


def test_every_page_carries_a_strict_policy(browser: Browser) -> None:
    for path in ("/", "/outcome/signed_out/", "/nowhere/"):
        headers = browser.client.get(path).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {browser.server.issuer}"
        )
        assert (headers["X-Frame-Options"], headers["Referrer-Policy"]) == ("DENY", "same-origin")
        assert headers["Cache-Control"] == "no-store"


def test_a_failure_has_a_page_in_our_look_with_a_way_on(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error page uses neither the session nor the database, because either may have failed."""

    def fails(session: SessionBase, key: str) -> bool:
        raise OperationalError

    monkeypatch.setattr(SessionBase, "get", fails)
    browser.client.raise_request_exception = False
    response = browser.client.get("/")
    assert (response.status_code, response["Cache-Control"]) == (500, "no-store")
    said = response.content.decode()
    assert "The mistake is ours" in said
    assert 'href="/">Go to the start page' in said


def test_no_template_needs_what_the_policy_forbids() -> None:
    engine = engines["django"]
    assert isinstance(engine, DjangoTemplates)
    templates = list((PACKAGE / "templates").rglob("*.html"))
    assert len(templates) > 5
    for template in templates:
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", template.read_text()), template.name


def test_cookies_are_for_this_site_and_no_script(alice: Browser) -> None:
    alice.home()
    assert set(alice.client.cookies) == {"prescriptions_sessionid", "prescriptions_csrftoken"}
    for cookie in alice.client.cookies.values():
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_messages_are_not_kept_in_a_cookie(alice: Browser) -> None:
    """Messages name medicines."""
    filled_in = {"medicine": "Iron", "dose": "20 mg", "schedule": "Daily", "refills_left": 1, "prescriber": "Dr Lund"}
    alice.client.post("/prescriptions/add/", filled_in)
    assert "messages" not in alice.client.cookies


def test_the_app_never_imports_the_server() -> None:
    """The app knows the server through HTTP only."""
    sources = list(PACKAGE.rglob("*.py"))
    assert len(sources) > 20
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "oauth_service"], source


def test_the_settings_of_this_repository_are_sound() -> None:
    assert run_checks() == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("OAUTH_CLIENT_ID", "", "E001"),
        ("OAUTH_CLIENT_SECRET", "", "E002"),
        ("OAUTH_SERVER_URL", "ftp://server.example", "E003"),
        ("OAUTH_SERVER_URL", "server.example", "E003"),
        ("OAUTH_SERVER_URL", "", "E003"),
        ("OAUTH_SERVER_URL", "http://server.example", "E004"),
        ("OAUTH_REDIRECT_URI", "/callback", "E005"),
        ("OAUTH_REDIRECT_URI", "http://app.example/callback", "E006"),
        ("OAUTH_SERVER_URL", "https://server.example/?tenant=1", "E007"),
    ],
)
def test_unsafe_settings_stop_the_start(settings: Settings, name: str, value: str, found: str) -> None:
    setattr(settings, name, value)
    assert [problem.id for problem in run_checks()] == [f"prescription_manager_app.{found}"]


def test_plain_http_to_another_machine_is_for_development_only(settings: Settings) -> None:
    settings.DEBUG = True
    settings.OAUTH_SERVER_URL = "http://server.test"
    assert run_checks() == []


@pytest.mark.parametrize("ask", [lambda client: client.get, lambda client: client.head])
def test_start_page_answers_get_and_head(browser: Browser, ask: Callable[..., Callable[..., object]]) -> None:
    assert ask(browser.client)("/").status_code == 200  # type: ignore[attr-defined]
