"""Clients find the metadata under any prefix, for issuers with and without a path, and the endpoints it names work."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, clear_script_prefix, include, path, re_path, set_script_prefix
from pytest_django import Settings

import oauth_service.urls
import oauth_service.well_known
from oauth_service.checks import check_surroundings
from oauth_service.conf import SCOPES
from oauth_service.endpoints.login import login
from oauth_service.models import Client, Resource
from oauth_service.resources.requirement import Requirement
from oauth_service.watch.doctor import survey as doctor
from oauth_service.watch.doctor.answer import Answer
from oauth_service.watch.doctor.outside import findings
from oauth_service.wsgi import direct
from tests.endpoints.page import Page
from tests.guide import FORM, REDIRECT_URI, SECRET, query_of
from tests.hosts.walk import OURS, addresses

PREFIXES = ["", "o/", "deep/er/"]
ISSUERS = ["", "https://localhost", "https://localhost/o", "https://localhost/a/b"]
OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
RESOURCE = "/.well-known/oauth-protected-resource"


def mounted(prefix: str) -> tuple[URLPattern | URLResolver, ...]:
    """A project's URLs, as docs/mounting.md shows them."""
    return (
        path("", include("oauth_service.well_known")),
        path(prefix, include("oauth_service.urls")),
        path("<path:anything>", anything),
    )


def anything(request: HttpRequest, anything: str = "") -> HttpResponse:
    """A page of the project."""
    return HttpResponse("the project's own")


def found() -> list[tuple[str, str]]:
    """Id and sentence of each finding."""
    return [(str(each.id).removeprefix("oauth_service."), each.msg) for each in check_surroundings(None)]


@pytest.fixture(autouse=True)
def with_openid(settings: Settings) -> None:
    """Switch OpenID Connect on, so that both documents exist."""
    settings.OAUTH_SERVICE_SCOPES = {**SCOPES.default, "openid": "Who you are"}
    settings.ALLOWED_HOSTS = ["*"]


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_both_documents_are_where_clients_look_for_them(settings: Settings, prefix: str, issuer: str) -> None:
    """RFC 8414 appends the issuer's path, OpenID Connect prepends it, and some clients try the other form."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = mounted(prefix), issuer
    behind = urlsplit(issuer).path
    for address in {OAUTH + behind, behind + OAUTH, OPENID + behind, behind + OPENID}:
        said = Browser().get(address, secure=True, headers={"Host": "localhost"})
        assert said.status_code == 200, address
        document = said.json()
        assert document["issuer"] == (issuer or "https://localhost")
        assert document["token_endpoint"] == f"https://localhost/{prefix}token/"


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("entry", [Browser, None], ids=["django", "direct"])
def test_every_endpoint_that_it_names_answers(
    settings: Settings, browser: Browser, db: None, prefix: str, issuer: str, entry: Any
) -> None:
    """The addresses must work through Django and through the fast path."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = mounted(prefix), issuer
    document = browser.get(OAUTH, secure=True, headers={"Host": "localhost"}).json()
    for url in (value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))):
        assert browser.get(urlsplit(url).path).content != b"the project's own", url
    if entry is None:
        assert f"/{prefix}token/" in direct(lambda environ, start: [])._routes


@pytest.mark.parametrize("issuer", ["https://localhost", "https://localhost/o"])
def test_the_paths_of_others_are_left_to_the_project(settings: Settings, issuer: str) -> None:
    """The project may have an issuer of its own beside ours."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = mounted("o/"), issuer
    for address in (f"{OAUTH}/other", f"/other{OAUTH}", f"{OPENID}/other", f"/other{OPENID}"):
        assert Browser().get(address).content == b"the project's own"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_whole_story_is_told_under_a_prefix(
    settings: Settings, alice: User, presc_man: Client, prefix: str
) -> None:
    """
    The test knows no address beforehand: it uses the metadata, the redirects and the forms, as a client and a browser
    do.
    """
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = mounted(prefix), "http://localhost:8000"
    browser, server = Browser(enforce_csrf_checks=True), Browser(enforce_csrf_checks=True)
    document = server.get(OAUTH).json()
    at = {name: urlsplit(url).path for name, url in document.items() if name.endswith("_endpoint")}
    asked = {"response_type": "code", "client_id": presc_man.client_id, "redirect_uri": REDIRECT_URI, "scope": "user"}

    to_login = browser.get(at["authorization_endpoint"], asked)
    login_page = Page(browser.get(to_login["Location"]))
    signed_in = login_page.press(browser, login_page.buttons[0], username="alice", password="wonderland")
    consent = Page(browser.get(signed_in["Location"]))
    code = query_of(consent.press(browser, "Allow")["Location"])["code"]
    client = {"client_id": presc_man.client_id, "client_secret": SECRET}
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    tokens = server.post(at["token_endpoint"], urlencode(body | client), content_type=FORM).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert server.get(at["userinfo_endpoint"], headers=headers).json()["username"] == "alice"
    apps = Page(browser.get(f"/{prefix}manage-apps/"))
    assert presc_man.name in apps.text


@pytest.mark.parametrize("issuer", ISSUERS[1:])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_doctor_finds_everything_from_outside(
    settings: Settings, db: None, monkeypatch: pytest.MonkeyPatch, prefix: str, issuer: str
) -> None:
    """The doctor follows the metadata, as clients do."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = mounted(prefix), issuer

    def send(method: str, url: str, headers: Mapping[str, str], body: str | None, *, timeout: float) -> Answer:
        said = Browser().generic(method, urlsplit(url).path, body or "", secure=True, headers=dict(headers))
        sent = tuple(said.headers.items())
        return Answer(
            method=method, url=url, at=datetime.now(UTC), status=said.status_code, headers=sent, body=said.content
        )

    monkeypatch.setattr(doctor, "send", send)
    outside = doctor.survey(issuer, issuer=issuer, login_url=f"/{prefix}login/", timeout=1)
    assert outside.metadata.members()["issuer"] == issuer
    statuses = {path: {each.status for each in pair} for path, pair in outside.pairs.items()}
    assert statuses == {"/token/": {400}, "/oauth/revoke/": {401}, "/userinfo/": {401}, "/authorise/": {400}}
    wrong = {"no-metadata", "issuer-differs", "another-deployment", "endpoints-elsewhere", "no-login"}
    assert wrong & {finding.id for finding in findings(outside)} == set()


# -- findings of the checks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_nothing_is_found_where_it_is_included_as_documented(settings: Settings, prefix: str, issuer: str) -> None:
    """A catch-all of the project behind our URLs is no fault."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = mounted(prefix), issuer
    assert found() == []


@pytest.mark.parametrize(
    ("prefix", "issuer", "missing"),
    [
        ("", "https://localhost", []),
        ("", "https://localhost/o", [f"/o{OPENID}"]),
        ("o/", "https://localhost", [OAUTH, OPENID]),
        ("o/", "https://localhost/o", [f"{OAUTH}/o"]),
        ("o/", "", [OAUTH, OPENID]),
    ],
)
def test_metadata_that_clients_do_not_find_is_told(
    settings: Settings, prefix: str, issuer: str, missing: list[str]
) -> None:
    """The finding names the address that clients look up."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = (path(prefix, include("oauth_service.urls")),), issuer
    expected = [
        ("W014", f"Clients look for the metadata of the issuer at {each}, but it is not there.") for each in missing
    ]
    assert found() == expected


# The check skips patterns with arguments, because they match many addresses.
STATIC = [address for address in OURS if not {*address.split("/")} & {"tenant", "word"}]


@pytest.mark.parametrize("address", STATIC)
def test_an_endpoint_that_another_view_stands_before_is_told(settings: Settings, address: str) -> None:
    """The endpoint would never be reached. The check names it, and the view that hides it."""
    settings.ROOT_URLCONF = (path(address[1:], anything), path("", include("oauth_service.urls")))
    told = [sentence for number, sentence in found() if number == "W013"]
    name = f"{__name__}.anything"
    assert told == [f"{address} of oauth_service is answered by {name}, which comes first in the URLconf."]


def test_a_class_based_view_is_told_by_its_class(settings: Settings) -> None:
    """A developer knows the class, not the function that as_view() makes of it."""
    settings.ROOT_URLCONF = (path("login/", LoginView.as_view()), path("", include("oauth_service.urls")))
    told = [sentence for number, sentence in found() if number == "W013"]
    name = "django.contrib.auth.views.LoginView"
    assert told == [f"/login/ of oauth_service is answered by {name}, which comes first in the URLconf."]


@pytest.mark.parametrize("address", STATIC)
def test_a_page_of_the_project_that_an_endpoint_stands_before_is_told(settings: Settings, address: str) -> None:
    """Otherwise the page's author would wonder why it never appears."""
    settings.ROOT_URLCONF = (path("", include("oauth_service.urls")), re_path(f"^{address[1:]}$", anything))
    told = [sentence for number, sentence in found() if number == "W013"]
    assert told == [f"{address} of {__name__}.anything is answered by oauth_service, whose URLs come first."]


def test_a_view_of_ours_in_a_decorator_of_the_projects_is_no_fault(settings: Settings) -> None:
    """A project may ask for a second factor before our sign-in page."""

    def twice(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def asked(request: HttpRequest) -> Any:
            return view(request)

        return asked

    settings.ROOT_URLCONF = (path("login/", twice(login)), path("", include("oauth_service.urls")))
    assert found() == []


def test_addresses_that_differ_by_language_are_told(settings: Settings) -> None:
    """A client keeps the address that it has read, whatever the next user's language is."""
    settings.ROOT_URLCONF = tuple(i18n_patterns(path("", include("oauth_service.urls"))))
    assert "W013" in [number for number, _sentence in found()]


def test_a_prefix_of_the_web_server_is_its_own_to_mind(settings: Settings) -> None:
    """Django cannot see whether the web server forwards the addresses at the root of the host."""
    settings.ROOT_URLCONF, settings.OAUTH_SERVICE_ISSUER = (
        (path("", include("oauth_service.urls")),),
        "https://localhost/auth",
    )
    set_script_prefix("/auth/")
    try:
        assert found() == []
    finally:
        clear_script_prefix()


@pytest.mark.django_db
@pytest.mark.parametrize("prefix", ["", "o/"])
def test_the_metadata_of_an_api_is_at_the_root(settings: Settings, prefix: str) -> None:
    """
    The server's prefix does not matter: clients look below the host of the API's own identifier (RFC 9728 section 3.1).
    """
    settings.ROOT_URLCONF = (
        path("", include("oauth_service.well_known")),
        path(prefix, include("oauth_service.urls")),
    )
    Resource.objects.create(identifier="http://testserver/pills", name="Pills")
    assert Browser().get(f"{RESOURCE}/pills").json()["resource"] == "http://testserver/pills"


def test_metadata_of_an_api_that_clients_do_not_find_is_told(settings: Settings) -> None:
    """The check covers each API that a view names and whose identifier is an address."""
    settings.OAUTH_SERVICE_ISSUER = ""
    Requirement.of("", resource="https://api.example/pills")
    Requirement.of("", resource="urn:example:pills")
    settings.ROOT_URLCONF = (path("", include("oauth_service.urls")),)
    assert found() == []
    settings.ROOT_URLCONF = (path("o/", include("oauth_service.urls")),)
    told = [sentence for number, sentence in found() if number == "W051"]
    assert [f"{RESOURCE}/pills" in each for each in told] == [True]


def test_every_address_of_the_metadata_is_asked_for_above() -> None:
    """
    A developer who adds such an address to our URLs must add it to oauth_service.well_known and to these tests, too.
    """
    well_known = addresses(oauth_service.well_known.urlpatterns)
    documents = {each.rpartition("/.well-known/")[2].split("/")[0] for each in well_known}
    assert documents == {each.rpartition("/")[2] for each in (OAUTH, OPENID, RESOURCE)}
    ours = {each for each in addresses(oauth_service.urls.urlpatterns) if "/.well-known/" in each}
    assert {each for each in ours if each.count("/") == 2} == {f"/.well-known/{each}" for each in documents}
