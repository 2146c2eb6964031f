"""Introspection at an OpenID Provider: signed responses, and facts about the sign-in."""

from typing import Any

import pytest
from pytest_django import Settings

from oauth_service.models import SigningKey
from oauth_service.protocol.introspection import MEDIA_TYPE, wants_jwt
from tests.actors import FORM
from tests.openid.conftest import RelyingParty

BROWSERS = "text/html, image/gif, image/jpeg, */*; q=0.2"


@pytest.fixture(autouse=True)
def introspection(settings: Settings) -> None:
    """Introspection, switched on before any request."""
    settings.OAUTH_SERVICE_INTROSPECTION = True


def ask(rp: RelyingParty, token: str, accept: str = MEDIA_TYPE) -> Any:
    """Send POST /introspect/."""
    form = "&".join(f"{name}={value}" for name, value in {"token": token, **rp.credentials}.items())
    return rp.server.post("/introspect/", form.replace(" ", "+"), content_type=FORM, headers={"Accept": accept})


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_the_sign_in_behind_a_token_is_told(rp: RelyingParty, settings: Settings, kind: str) -> None:
    """A resource that needs a stronger or newer sign-in can check these members (RFC 9470)."""
    settings.OAUTH_SERVICE_ACR = "1"
    tokens = rp.tokens()
    members = ask(rp, tokens[kind], "application/json").json()
    id_token = rp.claims(tokens["id_token"])
    assert {name: members[name] for name in ("sub", "iss", "auth_time", "acr")} == {
        name: id_token[name] for name in ("sub", "iss", "auth_time", "acr")
    }


def test_an_answer_is_signed_for_who_asks_for_that(rp: RelyingParty) -> None:
    """The members are in a claim of their own, and the audience is the client that asked."""
    token = rp.tokens()["access_token"]
    plain = ask(rp, token, "application/json").json()
    answer = ask(rp, token)
    assert (answer["Content-Type"], answer["Cache-Control"]) == (MEDIA_TYPE, "private, no-store")
    claims = rp.claims(answer.content.decode(), typ="token-introspection+jwt", alg="RS256")
    iat = claims.pop("iat")
    assert (claims, type(iat)) == ({"iss": "https://id.example", "aud": "rp", "token_introspection": plain}, int)


def test_an_inactive_token_is_signed_away_too(rp: RelyingParty) -> None:
    """Otherwise somebody in between could forge that response."""
    claims = rp.claims(ask(rp, "AT_unknown").content.decode())
    assert claims["token_introspection"] == {"active": False}


@pytest.mark.parametrize("accept", ["", "*/*", "application/*", "application/json", BROWSERS, f"{MEDIA_TYPE};q=0"])
def test_everybody_else_gets_json(rp: RelyingParty, accept: str) -> None:
    """A client that accepts any media type may be unable to read a JWT."""
    assert ask(rp, "AT_unknown", accept).json() == {"active": False}


def test_a_refusal_is_json_all_the_same(rp: RelyingParty) -> None:
    """RFC 9701 section 5 covers responses to authenticated clients only."""
    answer = rp.server.post("/introspect/", "token=x", content_type=FORM, headers={"Accept": MEDIA_TYPE})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/json")


def test_without_openid_connect_nothing_is_signed(rp: RelyingParty, settings: Settings) -> None:
    """There are no keys then, and the server makes none."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your username"}
    assert (ask(rp, "AT_unknown").json(), SigningKey.objects.count()) == ({"active": False}, 0)


def test_a_signed_answer_is_no_id_token_hint(rp: RelyingParty) -> None:
    """The typ of the JWT tells it apart from an ID token and from an access token."""
    text = ask(rp, rp.tokens()["access_token"]).content.decode()
    assert rp.userinfo(text).status_code == 401
    answer = rp.ask(prompt="none", id_token_hint=text)
    assert "error=invalid_request" in answer["Location"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (MEDIA_TYPE, True),
        (MEDIA_TYPE.upper(), True),
        (f"application/json, {MEDIA_TYPE};q=0.5", True),
        (f"{MEDIA_TYPE}; q=0.0", False),
        (f"{MEDIA_TYPE}; q=0.01", True),
        ("application/jwt", False),
        (";,;", False),
    ],
)
def test_what_asks_for_a_jwt(accept: str, expected: bool) -> None:
    """Only the exact media type with a weight above zero asks for a JWT."""
    assert wants_jwt(accept) is expected
