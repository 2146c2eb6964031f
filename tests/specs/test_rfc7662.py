"""RFC 7662, Token Introspection."""

from typing import Any

import pytest
from pytest_django import Settings

from oauth_service.models import Resource
from tests.clauses import clause
from tests.guide import SECRET, Guide, basic
from tests.specs.answers import refusal_of

# Section 2.2, and RFC 9470 section 6.2, which adds to the registry of section 3.1.
DEFINED = {
    *("active", "scope", "client_id", "username", "token_type", "exp", "iat", "nbf", "sub", "aud", "iss", "jti"),
    *("acr", "auth_time"),
}


@pytest.fixture(autouse=True)
def introspection(settings: Settings) -> None:
    """Switch introspection on before tokens are issued."""
    settings.OAUTH_SERVICE_INTROSPECTION = True


@clause("RFC 7662", "2.1")
def test_the_question_is_a_form_that_is_posted(guide: Guide) -> None:
    """ "using an HTTP POST [RFC7231] request with parameters sent as "application/x-www-form-urlencoded" data"."""
    token = guide.tokens()["access_token"]
    assert guide.introspect(token, as_form=True).json()["active"]
    assert guide.server.get("/introspect/", {"token": token}).status_code == 405


@clause("RFC 7662", "2.1")
def test_a_token_in_the_url_is_not_read(guide: Guide) -> None:
    """Section 4: logs of servers along the way would keep the token."""
    answer = guide.server.post("/introspect/?token=AT_x", headers={"Authorization": basic("presc_man_123", SECRET)})
    assert refusal_of(answer) == (400, "invalid_request")


@clause("RFC 7662", "2.1")
def test_the_token_is_required(guide: Guide) -> None:
    """ "REQUIRED. The string value of the token."."""
    assert refusal_of(guide.introspect("")) == (400, "invalid_request")


@clause("RFC 7662", "2.1")
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "urn:example:unknown"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_hint_that_is_wrong_or_unknown_changes_nothing(guide: Guide, kind: str, hint: str) -> None:
    """ "If the server is unable to locate the token using the given hint, it MUST extend its search"."""
    assert guide.introspect(guide.tokens()[kind], token_type_hint=hint).json()["active"]


@clause("RFC 7662", "2.1")
@pytest.mark.parametrize(
    "changes", [{"client_secret": ""}, {"client_secret": "wrong"}, {"client_id": "", "client_secret": ""}]
)
def test_the_endpoint_requires_authorization(guide: Guide, changes: dict[str, str]) -> None:
    """ "To prevent token scanning attacks, the endpoint MUST also require some form of authorization"."""
    credentials = {"client_id": "presc_man_123", "client_secret": SECRET} | changes
    body = {"token": guide.tokens()["access_token"], **{name: value for name, value in credentials.items() if value}}
    answer = guide.post("/introspect/", body, as_form=True)
    assert refusal_of(answer) == (401, "invalid_client")
    assert answer["WWW-Authenticate"].startswith("Basic ")


@clause("RFC 7662", "2.2")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_aud_names_the_apis_of_both_kinds_of_tokens(guide: Guide, kind: str) -> None:
    """ "Service-specific string identifier or list of string identifiers representing the intended audience for this token"."""
    api = "https://api.example/pills"
    Resource.objects.create(identifier=api, name="Pills", is_for_all=True)
    assert guide.introspect(guide.tokens(resource=api)[kind]).json()["aud"] == api


@clause("RFC 7662", "2.2")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_the_answer_has_only_members_that_are_defined(guide: Guide, kind: str) -> None:
    """The response is JSON, with active as a boolean and moments as integers."""
    answer = guide.introspect(guide.tokens()[kind])
    members: dict[str, Any] = answer.json()
    assert (answer["Content-Type"], members["active"], set(members) - DEFINED) == ("application/json", True, set())
    assert {type(members[name]) for name in ("exp", "iat")} == {int}
    assert {type(members[name]) for name in ("scope", "client_id", "sub", "iss")} == {str}


@clause("RFC 7662", "2.2")
@pytest.mark.parametrize("token", ["unknown", "AT_unknown", "RT_unknown"])
def test_an_inactive_token_has_active_false_and_nothing_else(guide: Guide, token: str) -> None:
    """ "the authorization server SHOULD NOT include any additional information about an inactive token, including why"."""
    answer = guide.introspect(token)
    assert (answer.status_code, answer.json()) == (200, {"active": False})


@clause("RFC 7662", "2.3")
def test_a_client_that_is_not_authenticated_gets_a_401(guide: Guide) -> None:
    """ "the authorization server responds with an HTTP 401 (Unauthorized) as described in Section 5.2 of OAuth 2.0"."""
    assert guide.introspect("AT_x", client_secret="wrong").status_code == 401


@clause("RFC 7662", "4")
def test_no_answer_is_cached(guide: Guide) -> None:
    """A cached response would outlive the token."""
    assert "no-store" in guide.introspect(guide.tokens()["access_token"])["Cache-Control"]
