"""OAUTH_SERVICE_SCOPE_IMPLIES: a scope includes others, everywhere that scopes are compared."""

from typing import Any

import pytest
from django.http import HttpRequest, JsonResponse
from django.test import Client as Browser
from django.urls import include, path
from pytest_django import Settings

from oauth_service.checks import check_surroundings, check_values
from oauth_service.models import Client, Resource
from oauth_service.protect import ProtectedRequest, protect
from tests.guide import SECRET, Guide, query_of
from tests.specs.answers import refusal_of

NOTES = "urn:example:notes"
WORDS = {
    "notes": "Your notes",
    "notes:read": "See your notes",
    "notes:write": "Change your notes",
    "profile": "Your name",
}


@protect("notes:read")
def reading(request: ProtectedRequest) -> JsonResponse:
    """Require less than the token has."""
    return JsonResponse({"scope": sorted(request.bearer.scope)})


@protect("notes:read", resource=NOTES)
async def of_api(request: HttpRequest) -> JsonResponse:
    """Protect a view of an API."""
    return JsonResponse({})


urlpatterns = [path("", include("oauth_service.urls")), path("reading/", reading), path("of-api/", of_api)]
pytestmark = pytest.mark.urls("tests.grant_types.test_implied_scopes")


@pytest.fixture
def notes(guide: Guide, settings: Settings) -> Guide:
    """Return a client that may have all of the notes."""
    settings.OAUTH_SERVICE_SCOPES = WORDS
    settings.OAUTH_SERVICE_SCOPE_IMPLIES = {"notes": "notes:write", "notes:write": "notes:read"}
    guide.client.scope = "notes profile"
    guide.client.grant_types += " client_credentials"
    guide.client.save()
    return guide


def status_at(url: str, token: str) -> int:
    return int(Browser().get(url, headers={"Authorization": f"Bearer {token}"}).status_code)


def test_a_view_lets_in_who_has_what_implies_its_scope(notes: Guide) -> None:
    """The view also sees the implied scopes."""
    token = notes.tokens(scope="notes")
    answer = Browser().get("/reading/", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert (token["scope"], answer.json()) == ("notes", {"scope": ["notes", "notes:read", "notes:write"]})


def test_what_implies_nothing_of_it_is_refused(notes: Guide) -> None:
    """Scopes do not imply each other in the opposite direction."""
    Client.objects.update(scope="notes:read notes:write profile")
    assert status_at("/reading/", notes.tokens(scope="notes:write")["access_token"]) == 200
    assert status_at("/reading/", notes.tokens(scope="profile")["access_token"]) == 403
    assert query_of(notes.ask(scope="notes")["Location"])["error"] == "invalid_scope"


def test_a_client_may_ask_for_what_its_scope_implies(notes: Guide) -> None:
    """The client requests the narrower scope by its own name."""
    assert notes.tokens(scope="notes:read")["scope"] == "notes:read"


def test_a_refresh_may_narrow_to_what_is_implied(notes: Guide) -> None:
    """A later refresh can widen again, because the refresh token keeps the granted scope."""
    tokens = notes.tokens(scope="notes")
    narrowed = notes.refresh(tokens["refresh_token"], scope="notes:read").json()
    again = notes.refresh(narrowed["refresh_token"]).json()
    assert (narrowed["scope"], again["scope"]) == ("notes:read", "notes")
    answer = notes.refresh(again["refresh_token"], scope="profile")
    assert refusal_of(answer) == (400, "invalid_scope")


def test_who_has_allowed_it_is_not_asked_for_what_it_implies(notes: Guide) -> None:
    """The user is asked only about scope that is not implied."""
    notes.tokens(scope="notes")
    assert "code" in query_of(notes.ask(scope="notes:read")["Location"])
    assert notes.ask(scope="notes:read profile").status_code == 200


def test_who_has_allowed_less_is_asked(notes: Guide) -> None:
    """A token's scope must have been shown to the user."""
    notes.tokens(scope="notes:read")
    assert notes.ask(scope="notes").status_code == 200


def test_what_was_taken_from_the_client_takes_what_it_implied(notes: Guide) -> None:
    """The client keeps the scope that it still has."""
    tokens = notes.tokens(scope="notes")
    Client.objects.update(scope="notes:read")
    left = notes.refresh(tokens["refresh_token"]).json()
    assert (left["scope"], status_at("/reading/", tokens["access_token"])) == ("notes:read", 200)
    Client.objects.update(scope="profile")
    assert status_at("/reading/", tokens["access_token"]) == 403


def test_introspection_names_what_is_implied(notes: Guide, settings: Settings) -> None:
    """An API elsewhere does not know which scopes imply others."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    tokens = notes.tokens(scope="notes")
    told = [notes.introspect(tokens[name]).json()["scope"] for name in ("access_token", "refresh_token")]
    assert [set(each.split()) for each in told] == [{"notes", "notes:read", "notes:write"}] * 2


def test_a_clients_own_token_is_narrowed_alike(notes: Guide) -> None:
    """Client credentials follow the same rule."""
    body = {"grant_type": "client_credentials", "client_id": "presc_man_123", "client_secret": SECRET}
    said: Any = notes.post("/token/", body | {"scope": "notes:read"}).json()
    assert said["scope"] == "notes:read"


def test_an_exchange_narrows_alike(notes: Guide) -> None:
    """The scope is limited by the exchanging service, and by its request."""
    notes.client.grant_types += " urn:ietf:params:oauth:grant-type:token-exchange"
    notes.client.may_impersonate = True
    notes.client.save()
    body = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": notes.tokens(scope="notes")["access_token"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "client_id": "presc_man_123",
        "client_secret": SECRET,
        "scope": "notes:read",
    }
    said = notes.post("/token/", body).json()
    assert (said.get("scope"), status_at("/reading/", said.get("access_token", ""))) == ("notes:read", 200)


def test_at_an_api_it_means_what_the_api_has_of_it(notes: Guide) -> None:
    """An API that knows only a part of the scope gets that part; consent to the whole scope covers it."""
    Resource.objects.create(identifier=NOTES, name="Notes", scopes="notes Everything", is_for_all=True)
    tokens = notes.tokens(scope="notes", resource=NOTES)
    assert status_at("/of-api/", tokens["access_token"]) == 200
    assert "code" in query_of(notes.ask(scope="notes:read", resource=NOTES)["Location"])


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({}, []),
        ({"user": "profile"}, []),
        ({"user": "profile", "profile": "user"}, ["E050"]),
        ({"user": "user"}, ["E050"]),
        ({"user": 'pro"file'}, ["E050", "W052"]),
        ({"user": "openid"}, ["E050", "W052"]),
        ({"offline_access": "profile"}, ["E050", "W052"]),
        ({"user": "prolife"}, ["W052"]),
        ({"user": 1}, ["E002"]),
    ],
)
def test_the_checks_find_what_cannot_be_meant(settings: Settings, declared: Any, found: list[str]) -> None:
    """Circles, malformed names and unknown names are reported."""
    settings.OAUTH_SERVICE_SCOPE_IMPLIES = declared
    messages = [*check_values(None), *check_surroundings(None)]
    assert sorted({str(each.id).removeprefix("oauth_service.") for each in messages}) == found
