"""OpenID Connect Core 1.0: the clauses that this server claims, 3.1.2.1 (a request by POST), 5.3 and 5.4 (userinfo)."""

from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from oauth_service.models import AuthorizationCode
from tests.clauses import clause
from tests.guide import FORM, Guide
from tests.specs.answers import is_page, refusal_of, sent_back

ACCOUNT = {"sub", "username", "email"}
NAMES = {"name", "given_name", "family_name", "preferred_username", "updated_at"}


@clause("OpenID Connect Core", "3.1.2.1")
def test_a_request_by_post_is_answered_as_one_by_get(guide: Guide) -> None:
    """
    "Authorization Servers MUST support the use of the HTTP GET and POST methods defined in RFC 7231 [RFC7231] at the
    Authorization Endpoint. [...] If using the HTTP POST method, the request parameters are serialized using Form
    Serialization".
    """
    guide.tokens()
    response = guide.browser.post("/authorise/", urlencode(guide.request()), content_type=FORM)
    assert set(sent_back(response)) == {"code", "state", "iss"}


@clause("OpenID Connect Core", "3.1.2.1")
def test_a_request_by_post_comes_from_another_site(guide: Guide) -> None:
    """The client's page sends it without our CSRF token; it only asks the user, and cannot answer for them."""
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(guide.alice)
    response = browser.post(
        "/authorise/", urlencode(guide.request()), content_type=FORM, headers={"Origin": "https://app.example"}
    )
    assert (response.status_code, response.templates[0].name) == (200, "oauth_service/consent.html")
    assert AuthorizationCode.objects.count() == 0


@clause("OpenID Connect Core", "3.1.2.1")
def test_a_request_by_post_has_its_parameters_in_the_body(guide: Guide) -> None:
    """ "Form Serialization": the URL of a POST is not part of the request."""
    guide.browser.force_login(guide.alice)
    assert is_page(guide.browser.post(f"/authorise/?{urlencode(guide.request())}", "", content_type=FORM))


@clause("OpenID Connect Core", "3.1.2.1")
@pytest.mark.parametrize(
    ("changes", "error"),
    [({"response_type": "token"}, "unsupported_response_type"), ({"scope": "everything"}, "invalid_scope")],
)
def test_a_mistake_in_a_request_by_post_travels_to_the_client(
    guide: Guide, changes: dict[str, str], error: str
) -> None:
    """A request by POST has the same errors as one by GET, those of RFC 6749 section 4.1.2.1."""
    guide.browser.force_login(guide.alice)
    response = guide.browser.post("/authorise/", urlencode(guide.request(**changes)), content_type=FORM)
    assert sent_back(response)["error"] == error


@clause("OpenID Connect Core", "5.3")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo_answers_get_and_post(guide: Guide, method: str) -> None:
    """
    "The UserInfo Endpoint MUST support the use of the HTTP GET and HTTP POST methods [...]. The UserInfo Endpoint MUST accept
    Access Tokens as OAuth 2.0 Bearer Token Usage [RFC6750]."
    """
    headers = {"Authorization": f"Bearer {guide.tokens()['access_token']}"}
    response = guide.server.generic(method, "/userinfo/", headers=headers)
    assert (response.status_code, response.json()["sub"]) == (200, str(guide.alice.pk))


@clause("OpenID Connect Core", "5.3")
def test_userinfo_can_be_read_by_a_script_of_another_origin(guide: Guide) -> None:
    """ "The UserInfo Endpoint SHOULD support the use of Cross-Origin Resource Sharing (CORS)"."""
    preflight = guide.server.options("/userinfo/", headers={"Origin": "https://app.example"})
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in preflight["Access-Control-Allow-Headers"]
    assert guide.userinfo(guide.tokens()["access_token"])["Access-Control-Allow-Origin"] == "*"


@clause("OpenID Connect Core", "5.3.2")
@pytest.mark.parametrize("scope", ["user", "profile", "user profile"])
def test_sub_is_always_told(guide: Guide, scope: str) -> None:
    """ "The sub (subject) Claim MUST always be returned in the UserInfo Response", as JSON with its type."""
    response = guide.userinfo(guide.tokens(scope=scope)["access_token"])
    assert response["Content-Type"] == "application/json"
    assert response.json()["sub"] == str(guide.alice.pk)


@clause("OpenID Connect Core", "5.3.2")
def test_what_nobody_filled_in_is_left_out(guide: Guide) -> None:
    """
    "If a Claim is not returned, that Claim Name SHOULD be omitted from the JSON object representing the Claims; it SHOULD NOT
    be present with a null or empty string value."
    """
    guide.alice.first_name = guide.alice.last_name = guide.alice.email = ""
    guide.alice.save()
    claims = guide.userinfo(guide.tokens()["access_token"]).json()
    assert set(claims) == {"sub", "username", "name", "preferred_username", "updated_at"}
    assert claims["name"] == "alice"


@clause("OpenID Connect Core", "5.3.3")
def test_errors_are_those_of_bearer_tokens(guide: Guide) -> None:
    """ "[...] an Error Response as defined in Section 3 of OAuth 2.0 Bearer Token Usage [RFC6750]." """
    response = guide.userinfo("AT_unknown")
    assert refusal_of(response) == (401, "invalid_token")
    assert response["WWW-Authenticate"].startswith('Bearer realm="oauth_service", error="invalid_token"')


@clause("OpenID Connect Core", "5.4")
@pytest.mark.parametrize(
    ("scope", "claims"), [("user", ACCOUNT), ("profile", {"sub"} | NAMES), ("user profile", ACCOUNT | NAMES)]
)
def test_a_scope_covers_its_claims_and_no_others(guide: Guide, scope: str, claims: set[str]) -> None:
    """
    "The scopes associated with Access Tokens determine what resources will be available when they are used to access OAuth 2.0
    protected endpoints."
    """
    assert set(guide.userinfo(guide.tokens(scope=scope)["access_token"]).json()) == claims


@clause("OpenID Connect Core", "5.1")
def test_the_claims_are_of_the_types_of_the_section(guide: Guide) -> None:
    """updated_at is a number, "the number of seconds from 1970-01-01T00:00:00Z"; the others are strings."""
    claims = guide.userinfo(guide.tokens()["access_token"]).json()
    assert claims == {
        "sub": str(guide.alice.pk),
        "username": "alice",
        "email": "alice@example.com",
        "name": "Alice Liddell",
        "given_name": "Alice",
        "family_name": "Liddell",
        "preferred_username": "alice",
        "updated_at": int(guide.alice.date_joined.timestamp()),
    }
