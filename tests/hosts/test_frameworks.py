"""Plain views, classes, Django REST framework and django-ninja behave alike behind protect."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client as Browser
from pytest_django import Settings

from tests.guide import JSON, Guide
from tests.hosts.urls import guarded
from tests.hosts.walk import addresses
from tests.test_unavailable import failing

pytestmark = [pytest.mark.urls("tests.hosts.urls"), pytest.mark.django_db]

EACH = [path for path in addresses(guarded, "/api/") if "cached" not in path]
DRF = [path for path in EACH if "/drf/" in path]
NEEDS_BOTH = "/api/drf/set/more/"
INSIDE = "/api/drf/function-inside/"

TOKEN_AUTHENTICATION = "tests.hosts.test_frameworks.BearerAuthentication"


class BearerAuthentication:
    """A project's authentication class that claims all bearer tokens, as many do."""

    def authenticate(self, request: Any) -> None:
        """Refuse every token."""
        from rest_framework.exceptions import AuthenticationFailed

        if request.headers.get("Authorization", "").startswith("Bearer"):
            raise AuthenticationFailed

    def authenticate_header(self, request: Any) -> str:
        """Value of WWW-Authenticate."""
        return "Token"


def bearing(guide: Guide, **changes: str) -> dict[str, str]:
    """Header of a request with a new token."""
    return {"Authorization": f"Bearer {guide.tokens(**changes)['access_token']}"}


@pytest.mark.parametrize("path", EACH)
def test_a_get_and_a_post_with_a_token_are_answered_for_its_user(guide: Guide, browser: Browser, path: str) -> None:
    """A request with a bearer token needs no CSRF token, because no cookie authenticates it."""
    headers = bearing(guide)
    got = browser.get(path, headers=headers)
    posted = browser.post(path, json.dumps({"x": 1}), content_type=JSON, headers=headers)
    assert [(answer.status_code, answer.json()["user"]) for answer in (got, posted)] == [(200, "alice")] * 2


@pytest.mark.parametrize("path", [path for path in EACH if path != INSIDE])
def test_a_session_beside_the_token_changes_nothing(guide: Guide, browser: Browser, path: str) -> None:
    """The request acts for the token's user, even if the browser's session belongs to another user."""
    browser.force_login(User.objects.create_user("dinah"))
    answer = browser.post(path, "{}", content_type=JSON, headers=bearing(guide))
    assert (answer.status_code, answer.json()["user"]) == (200, "alice")


@pytest.mark.parametrize("path", EACH)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_token_the_answer_is_the_challenge(alices: Browser, path: str, method: str) -> None:
    """A session does not replace the token (RFC 6750 section 3.1)."""
    alices.handler.enforce_csrf_checks = False
    answer = alices.generic(method, path)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="oauth_service"')


@pytest.mark.parametrize("path", EACH)
def test_too_little_scope_is_refused_alike(guide: Guide, path: str) -> None:
    """Clients read from the 403 which scope they need, whatever the framework."""
    answer = Browser().get(path, headers=bearing(guide, scope="user"))
    wanted = "user profile" if path == NEEDS_BOTH else "profile"
    assert (answer.status_code, answer["WWW-Authenticate"].rpartition(" scope=")[2]) == (403, f'"{wanted}"'), answer


def test_an_action_may_need_more_scope_than_its_view_set(guide: Guide) -> None:
    """An action may override required_scope like any attribute of its class."""
    headers = bearing(guide, scope="profile")
    answers = [Browser().get(path, headers=headers).status_code for path in ("/api/drf/set/", NEEDS_BOTH)]
    assert answers == [200, 403]


@pytest.mark.parametrize("path", EACH)
def test_a_database_that_is_away_is_a_503_for_each(guide: Guide, path: str) -> None:
    """A framework must not turn the outage into a 500."""
    headers = bearing(guide)
    with failing(OperationalError("connection refused")):
        answer = Browser().get(path, headers=headers)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


@pytest.mark.parametrize("path", EACH)
def test_each_asks_the_database_once(guide: Guide, django_assert_num_queries: Any, path: str) -> None:
    """The token is verified once, even if one guard is around the operation and another around its function."""
    headers = bearing(guide)
    with django_assert_num_queries(1):
        assert Browser().get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", [path for path in DRF if path != INSIDE])
@pytest.mark.parametrize(
    "configured",
    [
        {"DEFAULT_AUTHENTICATION_CLASSES": []},
        {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]},
        {"DEFAULT_AUTHENTICATION_CLASSES": [TOKEN_AUTHENTICATION]},
        {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]},
    ],
    ids=["none", "sessions", "tokens of its own", "permission"],
)
def test_whatever_authentication_the_project_has_the_token_counts(
    guide: Guide, settings: Settings, browser: Browser, monkeypatch: pytest.MonkeyPatch, configured: Any, path: str
) -> None:
    """
    Classes read the setting when they are defined, so the test sets the attributes that a project's setting would give
    them.
    """
    from rest_framework.settings import api_settings
    from rest_framework.views import APIView

    settings.REST_FRAMEWORK = configured
    monkeypatch.setattr(APIView, "authentication_classes", api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    monkeypatch.setattr(APIView, "permission_classes", api_settings.DEFAULT_PERMISSION_CLASSES)
    answer = browser.post(path, "{}", content_type=JSON, headers=bearing(guide))
    assert (answer.status_code, answer.json().get("user")) == (200, "alice")


def test_rest_framework_finds_the_token_where_it_looks_for_one(guide: Guide, browser: Browser) -> None:
    """Code for Django REST framework reads request.auth, which is request.bearer here."""
    assert browser.post("/api/drf/urlconf/", headers=bearing(guide)).json()["auth"] is True


@pytest.mark.parametrize("mount", ["router", "again"])
def test_an_operation_gets_its_own_parameters(guide: Guide, mount: str) -> None:
    """The guard takes none of the parameters in the path and the query, wherever the router is mounted."""
    answer = Browser().get(f"/api/ninja/{mount}/7/?colour=blue", headers=bearing(guide))
    assert (answer.json()["number"], answer.json()["colour"]) == (7, "blue")


def test_a_token_is_asked_for_before_the_parameters_are_looked_at(guide: Guide) -> None:
    """Strangers must not learn the parameters of an operation."""
    answers = [Browser().get("/api/ninja/coroutine/?x=1"), Browser().get("/api/ninja/router/7/?colour=")]
    assert [answer.status_code for answer in answers] == [401, 401]
