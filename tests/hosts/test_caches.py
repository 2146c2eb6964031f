"""Caches never keep one user's responses for others: Django's site-wide caches, cache_page, and caches on the way."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import include, path
from django.utils.cache import has_vary_header
from django.views.decorators.cache import cache_control, cache_page
from pytest_django import Settings

import oauth_service.urls
from oauth_service.protect import protect
from oauth_service.resources import caching
from tests.guide import Guide
from tests.hosts.urls import guarded, told
from tests.hosts.walk import addresses, each

pytestmark = [pytest.mark.urls("tests.hosts.urls"), pytest.mark.django_db]

UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
EVERYBODYS = {
    "/.well-known/oauth-authorization-server",
    "/openapi.json",
}
OURS = dict(each(oauth_service.urls.urlpatterns))
GUARDED = list(addresses(guarded, "/api/"))
KEPT_ON_PURPOSE = "/api/cached-inside/"

# Every view of ours, as a project might include it to save work.
in_cache_page = [
    path(str(pattern.pattern), cache_page(60)(pattern.callback), name=pattern.name)
    for pattern in oauth_service.urls.urlpatterns
]
kept_urls = (path("", include((in_cache_page, "oauth_service"))), path("api/", include(guarded)))


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Remove what other tests have cached."""
    cache.clear()
    yield
    cache.clear()


def directives(answer: Any) -> set[str]:
    """Directives of Cache-Control."""
    return {word.strip() for word in answer.get("Cache-Control", "").split(",")} - {""}


@pytest.mark.walk
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, path) for path in OURS for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS")),
        # The framework refuses other methods before it reaches the guard.
        *((method, path) for path in GUARDED for method in ("GET", "POST")),
    ],
)
def test_every_answer_says_whose_it_is(guide: Guide, path: str, method: str) -> None:
    """A wrong Cache-Control or Vary would let a cache show one user's response to another."""
    headers = {"Authorization": f"Bearer {guide.tokens()['access_token']}"}
    for answer in (Browser().generic(method, path), guide.browser.generic(method, path, headers=headers)):
        if path in EVERYBODYS and "public" in directives(answer):
            continue
        if path == KEPT_ON_PURPOSE and answer.status_code == 200:
            assert "private" in directives(answer)
        else:
            assert {"private", "no-store"} <= directives(answer)
        is_for_programs = path not in OURS or hasattr(OURS[path], "answer") or path.startswith("/metrics")
        assert has_vary_header(answer, "Authorization" if is_for_programs else "Cookie")


def test_what_is_everybodys_may_be_kept() -> None:
    """Clients read the metadata again and again, so caches should keep it."""
    assert all(
        "public" in directives(Browser().get(path))
        for path in EVERYBODYS - {"/.well-known/oauth-authorization-server/a/tenant"}
    )


@pytest.mark.walk
@pytest.mark.parametrize("way", ["site", "page"])
@pytest.mark.parametrize("path", [*OURS, *GUARDED])
def test_no_cache_of_djangos_shows_one_person_anothers_answer(
    guide: Guide, settings: Settings, way: str, path: str
) -> None:
    """Alice, Bob and an unknown visitor request each page in turn. Each must get the same as without a cache."""
    bob = User.objects.create_user("bob", "bob@example.com", "x")
    theirs = Guide(alice=bob, client=guide.client)
    asking: list[tuple[Browser, dict[str, str]]] = [
        (browser, {"Authorization": f"Bearer {who.tokens()['access_token']}"})
        for who in (guide, theirs)
        for browser in (Browser(), who.browser)
    ]
    people = [*asking, (Browser(), {})]
    query = "&".join(f"{name}={value}" for name, value in guide.request(scope="profile").items())
    without = [said(browser, path, headers, query) for browser, headers in people]
    if way == "site":
        settings.MIDDLEWARE = [UPDATE, *settings.MIDDLEWARE, FETCH]
    else:
        settings.ROOT_URLCONF = kept_urls
    assert [said(browser, path, headers, query) for browser, headers in people] == without


def said(browser: Browser, path: str, headers: dict[str, str], query: str) -> tuple[int, bool, bool]:
    """Status of a response, and whether it mentions Alice or Bob."""
    asking = Browser()  # a new client loads the middleware that is set now
    asking.cookies.load({name: morsel.value for name, morsel in browser.cookies.items()})
    answer = asking.get(path, headers=headers, QUERY_STRING=query)
    return answer.status_code, b"alice" in answer.content, b"bob" in answer.content


def test_a_description_does_not_depend_on_who_asks_first(settings: Settings) -> None:
    """Caches keep the description for all clients, so it must be in the site's own language."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    browser = Browser()
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    assert browser.get("/openapi.json").content == Browser().get("/openapi.json").content


# -- a view's own headers ----------------------------------------------------------------------------------------------


def answer_of(view: Any, token: str) -> HttpResponse:
    """Call a guarded view."""
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
    response: HttpResponse = view(request)
    return response


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"public": True, "max_age": 60}, {"public", "max-age=60"}),
        ({"max_age": 60}, {"max-age=60", "private"}),
        ({"private": True, "max_age": 60}, {"max-age=60", "private"}),
        ({"no_store": True}, {"no-store", "private"}),
    ],
)
def test_a_view_may_let_its_answer_be_kept(guide: Guide, own: dict[str, Any], expected: set[str]) -> None:
    """
    The user's own cache may keep the response. Shared caches may only if the view says `public` (RFC 9111 section 3.5).
    """
    view = protect("profile")(cache_control(**own)(told))
    answer = answer_of(view, guide.tokens()["access_token"])
    assert (directives(answer), has_vary_header(answer, "Authorization")) == (expected, True)


def test_a_view_keeps_what_it_varies_on(guide: Guide) -> None:
    """The guard adds Authorization to the view's own Vary."""

    @protect("profile")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Vary": "Accept"})

    assert answer_of(view, guide.tokens()["access_token"])["Vary"] == "Accept, Authorization"


@pytest.mark.parametrize("is_told_apart", [True, False])
def test_a_cache_behind_the_guard_is_used_only_if_it_tells_tokens_apart(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, is_told_apart: bool
) -> None:
    """
    Django's caches take the Authorization header into account since 5.2.15. An earlier cache would give the first
    user's response to everyone.
    """
    called: list[str] = []

    @protect("profile")
    @cache_page(60)
    def view(request: HttpRequest) -> HttpResponse:
        called.append(request.user.get_username())
        return HttpResponse(called[-1])

    if not is_told_apart:
        monkeypatch.setattr(caching, "tells_tokens_apart", lambda: False)
    bob = Guide(alice=User.objects.create_user("bob"), client=guide.client)
    alices, bobs = guide.tokens()["access_token"], bob.tokens()["access_token"]
    assert [answer_of(view, token).content for token in (alices, alices, bobs)] == [b"alice", b"alice", b"bob"]
    assert called == (["alice", "bob"] if caching.tells_tokens_apart() else ["alice", "alice", "bob"])
