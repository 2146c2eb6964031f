"""RFC 9470, OAuth 2.0 Step Up Authentication Challenge Protocol."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client as Browser
from django.urls import include, path
from django.utils import timezone
from django.views import View
from pytest_django import Settings

from oauth_service.checks import check_surroundings
from oauth_service.models import Resource
from oauth_service.protect import ProtectedMixin, protect
from tests.actors import FORM
from tests.clauses import clause
from tests.openid.conftest import RelyingParty, provider, rp

__all__ = ["provider", "rp"]

PILLS = "http://localhost:8000/pills"


@protect("profile", acr="gold platinum", max_age=300)
def pills(request: HttpRequest) -> JsonResponse:
    """Require a strong and recent sign-in."""
    return JsonResponse({})


@protect("profile", max_age=300)
async def recent(request: HttpRequest) -> JsonResponse:
    """Require a recent sign-in."""
    return JsonResponse({})


@protect("profile", max_age=0)
def now_only(request: HttpRequest) -> JsonResponse:
    """Require a sign-in at this moment."""
    return JsonResponse({})


@protect("profile", acr="gold", resource=PILLS, allow_clients=True)
def of_api(request: HttpRequest) -> JsonResponse:
    """Protect a view of an API with metadata."""
    return JsonResponse({})


class Strong(ProtectedMixin, View):
    """A class that requires a strong sign-in."""

    required_scope = "profile"
    acr = ("gold", "platinum")

    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({})


def otp(request: HttpRequest) -> HttpResponse:
    """The project's page for a second factor, which accepts everyone."""
    request.session["acr"] = "gold"
    return HttpResponse(status=302, headers={"Location": request.GET["next"]})


def event(request: HttpRequest) -> dict[str, Any]:
    """The project's information about the sign-in."""
    return {"acr": request.session.get("acr", "bronze")}


urlpatterns = [
    path("otp/", otp, name="otp"),
    path("pills/", pills),
    path("recent/", recent),
    path("now/", now_only),
    path("strong/", Strong.as_view()),
    path("of-api/", of_api),
    path("", include("oauth_service.urls")),
]
pytestmark = pytest.mark.urls("tests.specs.test_rfc9470")


@pytest.fixture
def hospital(rp: RelyingParty, provider: Settings) -> RelyingParty:
    """Return a client of a project with a second factor."""
    provider.OAUTH_SERVICE_AUTHENTICATION_EVENT = "tests.specs.test_rfc9470.event"
    provider.OAUTH_SERVICE_STEP_UP_URLS = {"gold": "otp"}
    return rp


def ask(url: str, token: str) -> Any:
    """Send GET with a token."""
    return Browser().get(url, headers={"Authorization": f"Bearer {token}"})


def challenge_of(answer: Any) -> dict[str, str]:
    """Return the challenge of a 401 that asks for another sign-in."""
    assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
    return dict(re.findall(r'(\w+)="([^"]*)"', answer["WWW-Authenticate"]))


@clause("RFC 9470", "3")
def test_the_challenge_word_for_word(hospital: RelyingParty) -> None:
    """The challenge has all requirements, so that one more sign-in is enough."""
    token = hospital.tokens(scope="profile", acr_values="bronze")["access_token"]
    assert ask("/pills/", token)["WWW-Authenticate"] == (
        'Bearer realm="oauth_service", error="insufficient_user_authentication", '
        'error_description="the sign-in is not strong or recent enough for this", '
        'acr_values="gold platinum", max_age="300"'
    )


@clause("RFC 9470", "4")
@pytest.mark.parametrize("scope", ["profile", "openid profile"])
@pytest.mark.parametrize("url", ["/pills/", "/strong/"])
def test_a_client_that_follows_the_challenge_gets_in(hospital: RelyingParty, url: str, scope: str) -> None:
    """ "acr_values" and "max_age" of the challenge are sent to the authorization endpoint unchanged, with openid or without."""
    wanted = challenge_of(ask(url, hospital.tokens(scope=scope)["access_token"]))
    asked = {name: wanted[name] for name in ("acr_values", "max_age") if name in wanted}
    assert ask(url, hospital.tokens(scope=scope, **asked)["access_token"]).status_code == 200


@clause("RFC 9470", "4")
def test_a_sign_in_that_is_too_old_is_done_again(hospital: RelyingParty) -> None:
    """The user sees the login page even without openid, and the new token is accepted."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = hospital.tokens(scope="profile", max_age="300")["access_token"]
        assert ask("/recent/", token).status_code == 200
        clock.shift(timedelta(seconds=301))
        assert challenge_of(ask("/recent/", token))["max_age"] == "300"
        assert hospital.ask(scope="profile", max_age="300")["Location"].startswith("/login/")
        assert ask("/recent/", hospital.tokens(scope="profile", max_age="300")["access_token"]).status_code == 200


@clause("RFC 9470", "5")
def test_a_refresh_makes_no_sign_in_more_recent(hospital: RelyingParty) -> None:
    """ "the authorization server [...] acr and auth_time" are those of the sign-in, even in a fresh token."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        refresh_token = hospital.tokens(scope="profile", max_age="300")["refresh_token"]
        clock.shift(timedelta(seconds=301))
        token = hospital.refresh(refresh_token).json()["access_token"]
        assert "max_age" in challenge_of(ask("/recent/", token))


@clause("RFC 9470", "3")
def test_a_sign_in_this_moment_is_recent_enough_for_none_at_all(hospital: RelyingParty) -> None:
    """max_age=0 requires a sign-in at this moment."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = hospital.tokens(scope="profile", max_age="0")["access_token"]
        assert ask("/now/", token).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert challenge_of(ask("/now/", token))["max_age"] == "0"


@clause("RFC 9470", "6")
def test_of_a_plain_token_nothing_is_known(hospital: RelyingParty) -> None:
    """The strength of the user's present session does not matter."""
    token = hospital.tokens(scope="profile")["access_token"]
    hospital.tokens(scope="profile", acr_values="gold")
    assert challenge_of(ask("/pills/", token))["acr_values"] == "gold platinum"


@clause("RFC 9470", "3")
def test_scope_comes_first(hospital: RelyingParty) -> None:
    """Users should not have to sign in again if they may not use the view anyway."""
    assert ask("/pills/", hospital.tokens(scope="email")["access_token"]).status_code == 403


@clause("RFC 9470", "6")
def test_a_clients_own_token_has_no_sign_in(hospital: RelyingParty) -> None:
    """Such a token fails even at a view that accepts clients."""
    Resource.objects.create(identifier=PILLS, name="Pills", is_for_all=True)
    hospital.client.grant_types += " client_credentials"
    hospital.client.save()
    body = {"grant_type": "client_credentials", "resource": PILLS, "scope": "profile", **hospital.credentials}
    token = hospital.server.post("/token/", urlencode(body), content_type=FORM).json()
    assert "token_type" in token, token
    said = challenge_of(ask("/of-api/", token["access_token"]))
    assert (said["acr_values"], said["scope"]) == ("gold", "profile")
    assert said["resource_metadata"] == "http://localhost:8000/.well-known/oauth-protected-resource/pills"


@clause("RFC 9470", "7")
@pytest.mark.usefixtures("guards")
def test_a_server_that_keeps_no_sign_ins_is_told(settings: Settings) -> None:
    """The check W050 warns that the view would refuse every token."""
    found = {message.id for message in check_surroundings(None)}
    assert "oauth_service.W050" in found


@clause("RFC 9470", "7")
@pytest.mark.usefixtures("guards")
def test_a_server_that_keeps_them_is_not(provider: Settings) -> None:
    """An OpenID Provider needs no change."""
    assert "oauth_service.W050" not in {message.id for message in check_surroundings(None)}
