"""RFC 6750, Bearer Token Usage: the rules for a protected resource, /userinfo/."""

import re
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from oauth_service.models import Grant
from oauth_service.resources.protect import protect
from tests.clauses import clause
from tests.guide import FORM, Guide
from tests.specs.answers import refusal_of

# RFC 9110 section 11.3: challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]; Bearer needs an auth-param.
AUTH_PARAM = r'[a-z_]+="(?:[^"\\]|\\.)*"'
CHALLENGE = re.compile(rf"Bearer {AUTH_PARAM}(?:, {AUTH_PARAM})*")


def challenge_of(response: Any) -> dict[str, str]:
    """Return the attributes of a Bearer challenge; each occurs only once."""
    assert CHALLENGE.fullmatch(response["WWW-Authenticate"])
    pairs = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', response["WWW-Authenticate"])
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def asked_with(guide: Guide, authorization: str) -> Any:
    """Send GET /userinfo/ with a given Authorization header."""
    return guide.server.get("/userinfo/", headers={"Authorization": authorization})


@clause("RFC 6750", "2.1")
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_the_authorization_header_is_supported(guide: Guide, scheme: str) -> None:
    """
    "Resource servers MUST support this method." credentials = "Bearer" 1*SP b64token; a scheme's case does not matter
    (RFC 9110 section 11.1).
    """
    assert asked_with(guide, scheme + guide.tokens()["access_token"]).status_code == 200


@clause("RFC 6750", "2.1")
def test_what_is_issued_is_a_b64token(guide: Guide) -> None:
    """A token matches 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=", so clients need not encode it."""
    for scope in ("user profile", "user"):
        assert re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", guide.tokens(scope=scope)["access_token"])


@clause("RFC 6750", "2.2")
@pytest.mark.parametrize("with_header", [True, False], ids=["header and body", "body alone"])
def test_a_token_in_the_body_counts_for_nothing(guide: Guide, with_header: bool) -> None:
    """ "Resource servers MAY support this method." This one does not: only the header counts."""
    access_token = guide.tokens()["access_token"]
    headers = {"Authorization": "Bearer AT_unknown"} if with_header else {}
    response = guide.server.post("/userinfo/", f"access_token={access_token}", content_type=FORM, headers=headers)
    assert (response.status_code, challenge_of(response).get("error")) == (
        401,
        "invalid_token" if with_header else None,
    )


@clause("RFC 6750", "2.3")
@pytest.mark.parametrize("with_header", [True, False], ids=["header and query", "query alone"])
def test_a_token_in_the_url_is_refused(guide: Guide, with_header: bool) -> None:
    """
    "[...] it SHOULD NOT be used", as URLs are logged; and section 2: "Clients MUST NOT use more than one method to transmit
    the token in each request."
    """
    access_token = guide.tokens()["access_token"]
    headers = {"Authorization": f"Bearer {access_token}"} if with_header else {}
    response = guide.server.get("/userinfo/", {"access_token": access_token}, headers=headers)
    assert refusal_of(response) == (400, "invalid_request")
    assert challenge_of(response)["error"] == "invalid_request"


@clause("RFC 6750", "3")
@pytest.mark.parametrize(
    "authorization", ["Bearer AT_unknown", "Bearer", "Bearer a b", "Basic eDp5", "", "Bearer " + "A" * 10_000]
)
def test_every_refusal_carries_a_challenge(guide: Guide, authorization: str) -> None:
    """
    "If the protected resource request does not include authentication credentials or does not contain an access token that
    enables access to the protected resource, the resource server MUST include the HTTP "WWW-Authenticate" response header
    field [...]. All challenges defined by this specification MUST use the auth-scheme value "Bearer". This scheme MUST be
    followed by one or more auth-param values."
    """
    response = asked_with(guide, authorization)
    assert response.status_code in (400, 401)
    assert challenge_of(response)["realm"] == "oauth_service"


@clause("RFC 6750", "3")
@pytest.mark.parametrize("authorization", ["Bearer AT_unknown", "Bearer a b"])
def test_the_challenge_says_why_in_permitted_characters(guide: Guide, authorization: str) -> None:
    """
    "Values for the "error" and "error_description" attributes [...] MUST NOT include characters outside the set %x20-21 /
    %x23-5B / %x5D-7E." The body says the same.
    """
    response = asked_with(guide, authorization)
    members, attributes = response.json(), challenge_of(response)
    for name in ("error", "error_description"):
        assert members[name] == attributes[name]
        assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", attributes[name])


@clause("RFC 6750", "3.1")
@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        'Bearer token="AT_x"',
        "Bearer =",
        "Bearer AT_x;",
        "Bearer \u00e4",
    ],
)
def test_a_malformed_request_is_an_invalid_request(guide: Guide, authorization: str) -> None:
    """ "The request is missing a required parameter, [...] or is otherwise malformed. [...] SHOULD respond with [...] 400"."""
    response = asked_with(guide, authorization)
    assert refusal_of(response) == (400, "invalid_request")
    assert challenge_of(response)["error"] == "invalid_request"


@clause("RFC 6750", "3.1")
@pytest.mark.parametrize(
    "fault", ["unknown", "revoked", "malformed", "ended", "withdrawn", "user", "client", "code", "RT"]
)
def test_a_token_that_is_not_good_is_an_invalid_token(guide: Guide, fault: str) -> None:
    """
    "The access token provided is expired, revoked, malformed, or invalid for other reasons. The resource SHOULD respond with
    the HTTP 401 (Unauthorized) status code." What expires is a test of RFC 6749 section 5.1.
    """
    code = guide.code()
    tokens = guide.exchange(code).json()
    text = tokens["access_token"]
    match fault:
        case "unknown":
            text = "AT_ANOTHER_RANDOM_SECURE_TOKEN_STRING"
        case "malformed":
            text = text[:-1]
        case "revoked":
            guide.revoke(text)
        case "ended":
            guide.revoke(tokens["refresh_token"])
        case "withdrawn":
            guide.deauthorise()
        case "user":
            guide.alice.is_active = False
            guide.alice.save()
        case "client":
            guide.client.is_active = False
            guide.client.save()
        case "code":
            text = code
        case "RT":
            text = tokens["refresh_token"]
    response = guide.userinfo(text)
    assert refusal_of(response) == (401, "invalid_token")
    assert challenge_of(response)["error"] == "invalid_token"


@clause("RFC 6750", "3.1")
def test_no_token_at_all_is_challenged_without_an_error(guide: Guide) -> None:
    """
    "If the request lacks any authentication information (e.g., the client was unaware that authentication is necessary or
    attempted using an unsupported authentication method), the resource server SHOULD NOT include an error code or other
    error information."
    """
    for response in (guide.server.get("/userinfo/"), asked_with(guide, "Basic eDp5"), asked_with(guide, "Digest x")):
        assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="oauth_service"')
        assert "error" not in response.json()


@clause("RFC 6750", "3.1")
def test_a_token_that_covers_neither_scope_is_insufficient(guide: Guide) -> None:
    """
    "The request requires higher privileges than provided by the access token. The resource server SHOULD respond with the HTTP
    403 (Forbidden) status code and MAY include the "scope" attribute with the scope necessary".
    """
    guide.client.scope = "user profile appointments"
    guide.client.save()
    response = guide.userinfo(guide.tokens(scope="appointments")["access_token"])
    assert refusal_of(response) == (403, "insufficient_scope")
    attributes = challenge_of(response)
    assert (attributes["error"], attributes["scope"]) == ("insufficient_scope", "user")


@clause("RFC 6750", "3.1")
def test_any_view_behind_protect_answers_by_the_same_rules(guide: Guide) -> None:
    """A host project's view answers 401 without a token, 403 with too little scope, and normally with enough."""

    @protect("profile")
    def greeting(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"Hello {request.user.first_name}")  # type: ignore[union-attr]

    little, enough = guide.tokens(scope="user")["access_token"], guide.tokens(scope="profile")["access_token"]
    answers = [
        greeting(RequestFactory().get("/", headers={"Authorization": f"Bearer {text}"} if text else {}))
        for text in ("", little, enough)
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    assert (challenge_of(answers[1])["scope"], answers[2].content) == ("profile", b"Hello Alice")


@clause("RFC 6750", "4")
def test_the_token_type_is_bearer(guide: Guide) -> None:
    """ "token_type":"Bearer", as in the section's own example."""
    assert guide.tokens()["token_type"] == "Bearer"


@clause("RFC 6750", "5.2")
def test_a_tokens_scope_is_what_it_may_do(guide: Guide) -> None:
    """ "Restricting the use of the token to a specific scope is also RECOMMENDED." One scope, one scope's claims."""
    assert set(guide.userinfo(guide.tokens(scope="user")["access_token"]).json()) == {"sub", "username", "email"}
    assert "username" not in guide.userinfo(guide.tokens(scope="profile")["access_token"]).json()


@clause("RFC 6750", "5.2")
def test_a_token_that_was_modified_is_refused_and_costs_nothing(guide: Guide) -> None:
    """ "The token integrity protection MUST be sufficient to prevent the token from being modified." The grant stays."""
    token = guide.tokens()["access_token"]
    for place in range(len("AT_"), len(token), 5):
        changed = token[:place] + ("A" if token[place] != "A" else "Q") + token[place + 1 :]
        assert refusal_of(guide.userinfo(changed)) == (401, "invalid_token")
    assert (guide.is_alive(token), Grant.objects.count()) == (True, 1)
