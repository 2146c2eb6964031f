"""Every response is the same with and without Django's LoginRequiredMiddleware."""

from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from tests.guide import Guide
from tests.hosts.urls import guarded
from tests.hosts.walk import OURS, addresses, views

pytestmark = [pytest.mark.urls("tests.hosts.urls"), pytest.mark.django_db]

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
GUARDED = list(addresses(guarded, "/api/"))


def with_login_required(middleware: list[str]) -> list[str]:
    """Middleware of a project whose views all ask for a sign-in, unless they are exempt."""
    here = middleware.index(AUTHENTICATION) + 1
    return [*middleware[:here], LOGIN_REQUIRED, *middleware[here:]]


def said(answer: Any) -> tuple[int, str | None, str | None]:
    """A response, without its random parts."""
    return answer.status_code, answer.get("Location"), answer.get("Content-Type")


@pytest.mark.parametrize("path", [*OURS, *GUARDED])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_every_address_answers_somebody_unknown_as_without_it(settings: Settings, path: str, method: str) -> None:
    """Programs have no session, and the sign-in page must not ask for one."""
    without = said(Browser().generic(method, path))
    settings.MIDDLEWARE = with_login_required(settings.MIDDLEWARE)
    assert said(Browser().generic(method, path)) == without


@pytest.mark.parametrize("path", GUARDED)
def test_a_good_token_opens_a_guarded_view(guide: Guide, settings: Settings, path: str) -> None:
    """The token takes the place of the sign-in."""
    headers = {"Authorization": f"Bearer {guide.tokens()['access_token']}"}
    settings.MIDDLEWARE = with_login_required(settings.MIDDLEWARE)
    answer = Browser().get(path, headers=headers)
    assert (answer.status_code, answer.json()["user"]) == (200, "alice")


def test_the_whole_story_is_told_under_it(guide: Guide, settings: Settings) -> None:
    """The whole lifecycle must work, from the consent to the end of the connection."""
    settings.MIDDLEWARE = with_login_required(settings.MIDDLEWARE)
    tokens = guide.tokens()
    renewed = guide.refresh(tokens["refresh_token"]).json()
    assert guide.userinfo(renewed["access_token"]).json()["username"] == "alice"
    assert guide.revoke(renewed["access_token"]).status_code == 200
    assert guide.deauthorise()["Location"] == "/manage-apps/"


@pytest.mark.parametrize("path", ["/manage-apps/", "/oauth/deauthorise/", "/authorise/"])
def test_pages_of_a_user_require_a_sign_in_themselves(guide: Guide, settings: Settings, path: str) -> None:
    """The exemption from the middleware must not make a user's page public."""
    settings.MIDDLEWARE = with_login_required(settings.MIDDLEWARE)
    answer = Browser().generic(
        "POST" if path == "/oauth/deauthorise/" else "GET", path, QUERY_STRING=guide_query(guide)
    )
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login/")


def guide_query(guide: Guide) -> str:
    """Query of a valid authorization request; other pages ignore it."""
    return "&".join(f"{name}={value}" for name, value in guide.request(scope="profile").items())


def test_every_view_is_exempt() -> None:
    """Each view carries Django's own mark, so a project's subclass of the middleware exempts it, too."""
    from oauth_service.urls import urlpatterns

    found = [*views(urlpatterns), *views(guarded)]
    assert [view for view in found if getattr(view, "login_required", True)] == []
