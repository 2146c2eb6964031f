"""Pages in a project with static files elsewhere, or with its own Content-Security-Policy."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import django
import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from pytest_django import Settings

from config.sites import ROOT
from oauth_service.models import Client
from tests import addresses
from tests.attributes import localised
from tests.guide import Guide

HERE = "http://testserver"
ICONS = sorted([*ROOT.glob("oauth_service/templates/**/*.svg"), *ROOT.glob("oauth_service/static/**/*.svg")])


class Bucket(StaticFilesStorage):
    """A storage with addresses of its own: style sheets and pictures on different hosts, each under a signed URL."""

    def url(self, name: str | None, force: bool = False) -> str:
        host = "styles" if str(name).endswith(".css") else "pictures"
        return f"https://{host}.bucket.example:8443/{name}?signature=a;b,c"


class Broken(StaticFilesStorage):
    """A storage without the file, like Django's manifest storage before collectstatic."""

    def url(self, name: str | None, force: bool = False) -> str:
        raise ValueError(f"Missing staticfiles manifest entry for {name!r}")


class Loaded(HTMLParser):
    """The resources that a page loads, as pairs of CSP directive and URL."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.urls: list[tuple[str, str]] = []
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link":
            self.urls.append(("style-src" if given["rel"] == "stylesheet" else "img-src", given["href"]))
        elif tag in ("img", "script") and "src" in given:
            self.urls.append((f"{tag}-src", given["src"]))


def directives(response: Any) -> dict[str, list[str]]:
    """Return the policy of a page, by directive."""
    pairs = (directive.split() for directive in response["Content-Security-Policy"].split("; "))
    return {name: sources for name, *sources in pairs}


def origin(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(urljoin(HERE, url))
    return f"{parts.scheme}://{parts.netloc}"


def blocked(response: Any) -> list[tuple[str, str]]:
    """Return the resources that the page's own policy blocks."""
    policy = directives(response)
    found = []
    for directive, url in Loaded(response).urls:
        sources = policy.get(directive, [])
        is_ours = "'self'" in sources and origin(url) == HERE
        if not is_ours and not {origin(url), urlsplit(url).netloc, f"{urlsplit(url).scheme}:"} & set(sources):
            found.append((directive, url))
    return found


def pages(guide: Guide) -> Iterator[Any]:
    """Return every page, for a signed-in user and for a stranger, and the pages for failures."""
    known, stranger = Browser(raise_request_exception=False), Browser(enforce_csrf_checks=True)
    known.force_login(guide.alice)
    for browser in (known, stranger):
        yield browser.get("/authorise/", guide.request())
        yield browser.get("/authorise/", guide.request(client_id="nobody"))
        yield browser.get("/authorise/", guide.request(response_mode="form_post", scope="nothing"))
        yield browser.get("/nowhere/")
        yield from (browser.generic(method, path) for path in addresses.FOR_PEOPLE for method in ("GET", "POST"))


@pytest.fixture
def served(guide: Guide) -> Callable[[], list[Any]]:
    """A function that returns every page with some content."""

    def found() -> list[Any]:
        answers = [page for page in pages(guide) if page.content and "text/html" in page["Content-Type"]]
        assert len(answers) > 10
        return answers

    return found


@pytest.mark.parametrize(
    "static_url",
    [
        "static/",
        "https://cdn.example/static/",
        "//cdn.example/static/",
        "https://[2001:db8::1]/",
        "http://cdn.example:81/",
    ],
)
def test_static_files_may_be_on_another_host(served: Any, settings: Settings, static_url: str) -> None:
    """A page whose own policy blocks its style sheet has no layout."""
    settings.STATIC_URL = static_url
    assert [each for page in served() for each in blocked(page)] == []


def test_a_storage_may_know_where_its_files_are(served: Any, settings: Settings) -> None:
    """The storage may sign each URL. No signature gets into the policy, where a semicolon would end a directive."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "tests.test_pages.Bucket"}}
    answers = served()
    assert [each for page in answers for each in blocked(page)] == []
    assert {page["Content-Security-Policy"].count("signature") for page in answers} == {0}


def test_files_of_this_server_need_no_other_source(served: Any) -> None:
    """The policy must stay as narrow as without such storages."""
    policies = [directives(page) for page in served()]
    assert {(*policy["style-src"], *policy["img-src"]) for policy in policies} == {("'self'", "'self'")}


def test_a_storage_without_the_file_is_told_as_a_failure(alice: User, settings: Settings) -> None:
    """The page for failures has no style sheet either, so the final response is Django's own, under our policy."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "tests.test_pages.Broken"}}
    answer = Browser(raise_request_exception=False).get("/login/")
    assert (answer.status_code, "Server Error (500)" in answer.content.decode()) == (500, True)
    assert directives(answer)["default-src"] == ["'none'"]


@pytest.mark.parametrize("icon", ICONS, ids=[path.name for path in ICONS])
def test_an_icon_has_a_size_of_its_own(icon: Path) -> None:
    """Without the style sheet the icon would fill the window."""
    sizes = re.search(r'<svg [^>]*width="(\d+)" height="(\d+)"', icon.read_text())
    assert sizes, icon
    assert {int(size) <= 32 for size in sizes.groups()} == {True}


# -- a project's own policy --------------------------------------------------------------------------------------------


class Nonces:
    """A stand-in for Django 6.0's ContentSecurityPolicyMiddleware in older versions, as far as pages can tell."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request._csp_nonce = ""  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", "default-src https://project.example")
        if getattr(response, "_csp_ro_config", True):
            response.headers.setdefault("Content-Security-Policy-Report-Only", "default-src https://project.example")
        return response


def nonce(request: HttpRequest) -> dict[str, Any]:
    """Return the nonce as Django 6.0's context processor `csp` does, also in older versions."""
    if django.VERSION >= (6,):
        return {"csp_nonce": request._csp_nonce}  # type: ignore[attr-defined]

    def ask() -> str:
        request._csp_nonce = "abc123"  # type: ignore[attr-defined]
        return "abc123"

    return {"csp_nonce": ask}


@pytest.fixture
def policy_of_the_project(settings: Settings) -> None:
    """A project with a policy for all its pages, and another one in report-only mode."""
    is_djangos = django.VERSION >= (6,)
    middleware = "django.middleware.csp.ContentSecurityPolicyMiddleware" if is_djangos else "tests.test_pages.Nonces"
    settings.MIDDLEWARE = [middleware, *settings.MIDDLEWARE]
    settings.SECURE_CSP = settings.SECURE_CSP_REPORT_ONLY = {"default-src": ["https://project.example"]}


@pytest.mark.usefixtures("policy_of_the_project")
def test_a_policy_of_the_project_leaves_ours_alone(served: Any) -> None:
    """The project's policy does not replace ours, and its report-only policy does not report our pages."""
    for page in served():
        assert "project.example" not in page["Content-Security-Policy"]
        assert "Content-Security-Policy-Report-Only" not in page


@pytest.mark.usefixtures("policy_of_the_project")
@pytest.mark.parametrize("path", ["/login/", "/signed-out/"])
def test_a_template_of_the_project_may_have_a_nonce(settings: Settings, tmp_path: Path, path: str, db: None) -> None:
    """A script that the project adds to our page runs, and no other."""
    (tmp_path / "oauth_service").mkdir()
    for name in ("login", "signed_out"):
        text = '<!doctype html><title>a</title><script nonce="{{ csp_nonce }}">1</script>'
        (tmp_path / "oauth_service" / f"{name}.html").write_text(text)
    [templates] = settings.TEMPLATES
    processors = [*templates["OPTIONS"]["context_processors"], "tests.test_pages.nonce"]
    settings.TEMPLATES = [templates | {"DIRS": [tmp_path], "OPTIONS": {"context_processors": processors}}]
    answer = Browser().get(path)
    [used] = re.findall(r'nonce="([^"]+)"', answer.content.decode())
    assert directives(answer)["script-src"] == [f"'nonce-{used}'"]
    assert directives(answer)["style-src"] == ["'self'", f"'nonce-{used}'"]
    assert directives(answer)["default-src"] == ["'none'"]


@pytest.mark.usefixtures("policy_of_the_project")
def test_a_nonce_that_nobody_uses_is_not_sent(served: Any) -> None:
    """Our own pages run no script except the one for form_post, which has no nonce."""
    assert {"nonce" in page["Content-Security-Policy"] for page in served()} == {False}


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_no_number_that_programs_read_is_localised(
    guide: Guide, settings: Settings, monkeypatch: pytest.MonkeyPatch, language: str, served: Any
) -> None:
    """A browser does not understand a maxlength of 1,500."""
    settings.USE_THOUSAND_SEPARATOR, settings.LANGUAGE_CODE = True, language
    monkeypatch.setattr(User._meta.get_field("username"), "max_length", 1500)
    Client.objects.update(id=1_234_567)
    guide.client = Client.objects.get()
    guide.tokens()
    found = served()
    assert any('maxlength="' in page.content.decode() for page in found)
    assert [(page.request["PATH_INFO"], each) for page in found for each in localised(page)] == []
