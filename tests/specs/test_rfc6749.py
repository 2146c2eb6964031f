"""
RFC 6749, The OAuth 2.0 Authorization Framework: the rules for an authorization server that issues codes, section by section.
"""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
import time_machine
from django.apps import apps
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.models import AuthorizationCode, Client, Consent, Grant
from tests.clauses import clause
from tests.guide import FORM, REDIRECT_URI, SECRET, Guide, basic, query_of
from tests.specs.answers import DESCRIPTION, is_page, refusal_of, sent_back
from tests.specs.public import PublicGuide

OTHER_URI = "https://app.example/callback?tenant=1"
EMPTY: dict[str, Any] = {"client_id": "", "client_secret": ""}


def with_two_targets(guide: Guide) -> Guide:
    """Add a second redirect URI to the guide's client."""
    guide.client.redirect_uris = f"{REDIRECT_URI}\n{OTHER_URI}"
    guide.client.save()
    return guide


# -- 2. client registration and authentication ---------------------------------------------------------------------------


@clause("RFC 6749", "2.2")
def test_a_client_id_alone_is_no_authentication(guide: Guide) -> None:
    """ "The client identifier is not a secret; [...] and MUST NOT be used alone for client authentication." """
    code = guide.code()
    assert refusal_of(guide.exchange(code, client_secret="")) == (401, "invalid_client")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "2.3")
def test_two_ways_of_authentication_in_one_request_are_refused(guide: Guide) -> None:
    """ "The client MUST NOT use more than one authentication method in each request", even if both are right."""
    code = guide.code()
    refused = guide.exchange(code, authorization=basic(guide.client.client_id, SECRET))
    assert refusal_of(refused) == (400, "invalid_request")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "2.3.1")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("client_id", ["", "presc_man_123"], ids=["Basic alone", "client_id in the body besides"])
def test_http_basic_is_supported(guide: Guide, as_form: bool, client_id: str) -> None:
    """
    "The authorization server MUST support the HTTP Basic authentication scheme for authenticating clients that were issued
    a client password."
    """
    authorization = basic(guide.client.client_id, SECRET)
    response = guide.exchange(
        guide.code(), as_form=as_form, authorization=authorization, client_id=client_id, client_secret=""
    )
    assert response.status_code == 200


@clause("RFC 6749", "2.3.1")
@pytest.mark.parametrize("secret", ["a b+c", "100%:safe", "k=v&x=y", "Schlüssel/日本", 'quo"te\\'])
def test_http_basic_carries_any_secret_form_encoded(guide: Guide, secret: str) -> None:
    """ "[...] the client password is encoded using the same algorithm and used as the password." """
    guide.client.choose_secret(secret)
    guide.client.save()
    authorization = basic(quote_plus(guide.client.client_id), quote_plus(secret))
    assert guide.exchange(guide.code(), authorization=authorization, **EMPTY).status_code == 200


@clause("RFC 6749", "2.3.1")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("secret", [SECRET, "a b+c", "100%:safe", "Schlüssel/日本"])
def test_credentials_in_the_body_are_supported(guide: Guide, as_form: bool, secret: str) -> None:
    """ "Alternatively, the authorization server MAY support including the client credentials in the request-body"."""
    guide.client.choose_secret(secret)
    guide.client.save()
    assert guide.exchange(guide.code(), as_form=as_form, client_secret=secret).status_code == 200


@clause("RFC 6749", "2.3.1")
def test_credentials_in_the_url_are_refused(guide: Guide) -> None:
    """ "The parameters can only be transmitted in the request-body and MUST NOT be included in the request URI." """
    code = guide.code()
    credentials = urlencode({"client_id": guide.client.client_id, "client_secret": SECRET})
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    assert refusal_of(guide.post(f"/token/?{credentials}", body)) == (400, "invalid_request")
    assert refusal_of(guide.post(f"/oauth/revoke/?{credentials}", {"token": "RT_x"})) == (400, "invalid_request")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "2.3.1")
@pytest.mark.parametrize("endpoint", ["/token/", "/oauth/revoke/"])
@pytest.mark.parametrize("by_basic", [True, False], ids=["Basic", "body"])
def test_secrets_cannot_be_guessed_by_brute_force(guide: Guide, endpoint: str, by_basic: bool) -> None:
    """ "the authorization server MUST protect any endpoint utilizing it against brute force attacks" """

    def guess(secret: str) -> Any:
        body = {"grant_type": "refresh_token", "refresh_token": "RT_x", "token": "RT_x"}
        if by_basic:
            return guide.post(endpoint, body, authorization=basic(guide.client.client_id, secret))
        return guide.post(endpoint, body | {"client_id": guide.client.client_id, "client_secret": secret})

    for n in range(10):
        assert refusal_of(guess(f"guess {n}")) == (401, "invalid_client")
    throttled = guess(SECRET)
    assert refusal_of(throttled) == (429, "temporarily_unavailable")
    assert int(throttled["Retry-After"]) > 0


# -- 3.1 authorization endpoint --------------------------------------------------------------------------------------


@clause("RFC 6749", "3.1")
def test_the_resource_owner_is_verified_first(guide: Guide) -> None:
    """ "The authorization server MUST first verify the identity of the resource owner." The request then goes on."""
    response = guide.browser.get("/authorise/", guide.request())
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/login/")
    assert AuthorizationCode.objects.count() == 0
    form = {"username": "alice", "password": "wonderland", "next": query_of(response["Location"])["next"]}
    consent = guide.browser.get(guide.browser.post("/login/", form)["Location"])
    assert (consent.status_code, consent.templates[0].name) == (200, "oauth_service/consent.html")


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_may_come_by_get_and_by_post(guide: Guide, method: str) -> None:
    """ "MUST support the use of the HTTP "GET" method [...] and MAY support the use of the "POST" method as well." """
    guide.browser.force_login(guide.alice)
    query = urlencode(guide.request())
    if method == "GET":
        response = guide.browser.get(f"/authorise/?{query}")
    else:
        response = guide.browser.post("/authorise/", query, content_type=FORM)
    assert (response.status_code, response.templates[0].name) == (200, "oauth_service/consent.html")


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize("name", ["redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"])
def test_an_empty_parameter_is_an_absent_one(guide: Guide, name: str) -> None:
    """ "Parameters sent without a value MUST be treated as if they were omitted from the request." """
    guide.tokens()
    answers = [
        guide.browser.get(f"/authorise/?{urlencode(guide.request(**{name: ''}))}{empty}")
        for empty in ("", f"&{name}=", f"&{name}")
    ]
    without_code = [sorted(sent_back(answer).items() - {("code", sent_back(answer)["code"])}) for answer in answers]
    assert without_code[1:] == [without_code[0]] * 2


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize("name", ["response_type", "client_id"])
def test_an_empty_parameter_that_is_required_is_missing(guide: Guide, name: str) -> None:
    """ "Parameters sent without a value MUST be treated as if they were omitted from the request." """
    guide.browser.force_login(guide.alice)
    response = guide.browser.get(f"/authorise/?{urlencode(guide.request(**{name: ''}))}&{name}=")
    if name == "client_id":
        assert is_page(response)
    else:
        assert sent_back(response)["error_description"] == "response_type is missing"


@clause("RFC 6749", "3.1")
def test_an_unrecognised_parameter_is_ignored(guide: Guide) -> None:
    """ "The authorization server MUST ignore unrecognized request parameters." """
    guide.tokens()
    extra = {"audience": "x", "nonce": "n", "response_mode_": "y", "ü": "ü", "code_verifier_": "z"}
    guide.browser.force_login(guide.alice)
    answer = sent_back(guide.browser.get("/authorise/", guide.request() | extra))
    assert set(answer) == {"code", "state", "iss"}


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize("same", [True, False], ids=["same value", "another value"])
@pytest.mark.parametrize("name", ["response_type", "scope", "state", "code_challenge", "unrecognised"])
def test_a_repeated_parameter_is_an_invalid_request(guide: Guide, name: str, same: bool) -> None:
    """ "Request and response parameters MUST NOT be included more than once." The client is told."""
    guide.browser.force_login(guide.alice)
    sent = guide.request() | {name: guide.request().get(name, "x")}
    again = urlencode({name: sent[name] if same else "other"})
    answer = sent_back(guide.browser.get(f"/authorise/?{urlencode(sent)}&{again}"))
    assert answer["error"] == "invalid_request"


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_a_repeated_client_or_target_leads_nowhere(guide: Guide, name: str) -> None:
    """ "Request and response parameters MUST NOT be included more than once." Without a client, only the user can be told."""
    guide.browser.force_login(guide.alice)
    sent = guide.request()
    assert is_page(guide.browser.get(f"/authorise/?{urlencode(sent)}&{urlencode({name: sent[name]})}"))


@clause("RFC 6749", "3.1.1")
@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        ("", "invalid_request"),
        ("token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("id_token", "unsupported_response_type"),
        ("Code", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("code ", "unsupported_response_type"),
    ],
)
def test_a_response_type_that_is_missing_or_unknown_is_an_error(guide: Guide, response_type: str, error: str) -> None:
    """
    "If an authorization request is missing the "response_type" parameter, or if the response type is not understood, the
    authorization server MUST return an error response as described in Section 4.1.2.1."
    """
    assert sent_back(guide.ask(response_type=response_type))["error"] == error


@clause("RFC 6749", "3.1.2")
@pytest.mark.parametrize("outcome", ["code", "error"])
@pytest.mark.parametrize("uri", [OTHER_URI, "https://app.example/cb?a=%2F+b&a&b=", "https://app.example/cb?"])
def test_a_query_of_the_redirection_endpoint_is_retained(guide: Guide, uri: str, outcome: str) -> None:
    """ "The endpoint URI MAY include an [...] query component [...], which MUST be retained when adding [...] parameters"."""
    guide.client.redirect_uris = uri
    guide.client.save()
    location = guide.answer(redirect_uri=uri, **({} if outcome == "code" else {"deny": "1"}))["Location"]
    assert location.startswith(f"{uri}&{outcome}=")


@clause("RFC 6749", "3.1.2")
@pytest.mark.parametrize(
    "uri", ["/callback", "app.example/cb", "https://app.example/cb#top", "https://app.example/cb#"]
)
def test_a_relative_target_or_one_with_a_fragment_cannot_be_registered(guide: Guide, uri: str) -> None:
    """ "The redirection endpoint URI MUST be an absolute URI [...]. The endpoint URI MUST NOT include a fragment"."""
    guide.client.redirect_uris = uri
    with pytest.raises(ValidationError) as refusal:
        guide.client.full_clean()
    assert set(refusal.value.message_dict) == {"redirect_uris"}


@clause("RFC 6749", "3.1.2.2")
@pytest.mark.parametrize("client_type", Client.ClientType.values)
def test_no_client_goes_without_a_registered_target(guide: Guide, client_type: str) -> None:
    """
    "The authorization server MUST require the following clients to register their redirection endpoint: Public clients."

    Ours all do: "The authorization server SHOULD require all clients to register their redirection endpoint".
    """
    guide.client.client_type, guide.client.redirect_uris = client_type, ""
    with pytest.raises(ValidationError):
        guide.client.full_clean()
    guide.client.save()
    assert is_page(guide.ask())
    assert is_page(guide.ask(redirect_uri=""))


@clause("RFC 6749", "3.1.2.3")
def test_who_has_registered_several_targets_names_one(guide: Guide) -> None:
    """ "If multiple redirection URIs have been registered, [...] the client MUST include a redirection URI"."""
    with_two_targets(guide)
    assert is_page(guide.ask(redirect_uri=""))
    assert sent_back(guide.answer(redirect_uri=REDIRECT_URI))["code"]
    assert guide.answer(redirect_uri=OTHER_URI)["Location"].startswith(f"{OTHER_URI}&code=")


@clause("RFC 6749", "3.1.2.3")
def test_who_has_registered_one_need_not_name_it(guide: Guide) -> None:
    """The only registered URI is used."""
    assert sent_back(guide.answer(redirect_uri=""))["code"]


@clause("RFC 6749", "3.1.2.3")
@pytest.mark.parametrize("method", ["ask", "answer"])
@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000/callback/",
        "http://127.0.0.1:5000/Callback",
        "http://127.0.0.1:5000/callback?",
        "http://127.0.0.1:5000/callback?a=b",
        "http://127.0.0.1:5000/callback#",
        "http://127.0.0.1:5000/call%62ack",
        "http://127.0.0.1:5000/x/../callback",
        "http://127.0.0.1:5000",
        "http://127.0.0.1:5001/callback",
        "http://127.0.0.1/callback",
        "http://localhost:5000/callback",
        "https://127.0.0.1:5000/callback",
        "HTTP://127.0.0.1:5000/callback",
        "http://127.0.0.1:5000@evil.example/callback",
        "http://127.0.0.1:5000.evil.example/callback",
        " http://127.0.0.1:5000/callback",
        "//127.0.0.1:5000/callback",
        "/callback",
        "https://evil.example/",
        "javascript:alert(1)",
    ],
)
def test_targets_are_compared_as_strings(guide: Guide, uri: str, method: str) -> None:
    """
    "If the client registration included the full redirection URI, the authorization server MUST compare the two URIs using
    simple string comparison as defined in [RFC3986] Section 6.2.1."
    """
    assert is_page(getattr(guide, method)(redirect_uri=uri))
    assert AuthorizationCode.objects.count() == 0


@clause("RFC 6749", "3.1.2.4")
def test_an_invalid_target_is_told_to_the_person_who_goes_nowhere(guide: Guide) -> None:
    """
    "[...] the authorization server SHOULD inform the resource owner of the error and MUST NOT automatically redirect the
    user-agent to the invalid redirection URI."
    """
    response = guide.ask(redirect_uri="https://evil.example/callback")
    assert is_page(response)
    assert not response.has_header("Refresh")
    assert b"evil.example" not in response.content


# -- 3.2 token endpoint ----------------------------------------------------------------------------------------------


@clause("RFC 6749", "3.2")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_the_token_endpoint_takes_post_alone(guide: Guide, method: str) -> None:
    """ "The client MUST use the HTTP "POST" method when making access token requests." """
    code = guide.code()
    query = urlencode({"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI})
    response = guide.server.generic(
        method, f"/token/?{query}", headers={"Authorization": basic(guide.client.client_id, SECRET)}
    )
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "3.2")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_an_empty_or_unrecognised_parameter_of_a_token_request_counts_for_nothing(guide: Guide, as_form: bool) -> None:
    """
    "Parameters sent without a value MUST be treated as if they were omitted from the request. The authorization server MUST
    ignore unrecognized request parameters."
    """
    body = {
        "grant_type": "authorization_code",
        "code": guide.code(),
        "redirect_uri": REDIRECT_URI,
        "client_id": guide.client.client_id,
        "client_secret": SECRET,
        "code_verifier": "",
        "scope": "",
        "audience": "https://api.example",
    }
    assert guide.post("/token/", body, as_form=as_form).status_code == 200


@clause("RFC 6749", "3.2")
@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "client_id", "client_secret", "unrecognised"])
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_a_repeated_parameter_of_a_token_request_is_an_invalid_request(guide: Guide, name: str, as_form: bool) -> None:
    """ "Request and response parameters MUST NOT be included more than once", not even with the same value."""
    code = guide.code()
    pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", guide.client.client_id),
        ("client_secret", SECRET),
    ]
    pairs += [(name, dict(pairs).get(name, "x"))] * (1 if name in dict(pairs) else 2)
    members = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs)
    body, content_type = (urlencode(pairs), FORM) if as_form else (f"{{{members}}}", "application/json")
    response = guide.server.post("/token/", body, content_type=content_type)
    assert refusal_of(response) == (400, "invalid_request")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "3.2.1")
@pytest.mark.parametrize(
    ("client_id", "client_secret"),
    [
        ("presc_man_123", "wrong"),
        ("presc_man_123", SECRET.lower()),
        ("presc_man_123", SECRET + " "),
        ("PRESC_MAN_123", SECRET),
        ("nobody", SECRET),
        ("presc_man_123", ""),
        ("", ""),
        ("", SECRET),
    ],
)
@pytest.mark.parametrize("placement", ["body", "Basic"])
def test_a_confidential_client_must_authenticate(
    guide: Guide, client_id: str, client_secret: str, placement: str
) -> None:
    """
    "Confidential clients or other clients issued client credentials MUST authenticate with the authorization server [...]
    when making requests to the token endpoint." For a code as for a refresh token.
    """
    code, refresh_token = guide.code(), guide.tokens()["refresh_token"]
    sent, authorization = EMPTY, basic(client_id, client_secret)
    if placement == "body":
        sent, authorization = {"client_id": client_id, "client_secret": client_secret}, ""
    assert refusal_of(guide.exchange(code, authorization=authorization, **sent)) == (401, "invalid_client")
    assert refusal_of(guide.refresh(refresh_token, authorization=authorization, **sent)) == (401, "invalid_client")
    assert (guide.exchange(code).status_code, guide.refresh(refresh_token).status_code) == (200, 200)


@clause("RFC 6749", "3.2.1")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_a_public_client_identifies_itself_by_client_id(public: PublicGuide, as_form: bool) -> None:
    """ "[...] an unauthenticated client MUST send its "client_id" to prevent itself from inadvertently accepting a code"."""
    code = public.code()
    assert refusal_of(public.exchange(code, as_form=as_form, client_id="")) == (401, "invalid_client")
    assert public.exchange(code, as_form=as_form).status_code == 200


@clause("RFC 6749", "3.2.1")
def test_a_public_client_has_no_secret_to_send(public: PublicGuide) -> None:
    """A client that sends a secret is not the registered one, or somebody is guessing."""
    code = public.code()
    assert refusal_of(public.exchange(code, client_secret=SECRET)) == (401, "invalid_client")


# -- 3.3 scope -------------------------------------------------------------------------------------------------------


@clause("RFC 6749", "3.3")
@pytest.mark.parametrize("scope", ["user profile", "profile user"])
def test_the_order_of_scopes_does_not_matter(guide: Guide, scope: str) -> None:
    """ "If the value contains multiple space-delimited strings, their order does not matter"."""
    access_token = guide.tokens(scope=scope)["access_token"]
    assert {"username", "name"} <= set(guide.userinfo(access_token).json())


@clause("RFC 6749", "3.3")
@pytest.mark.parametrize(
    "scope", ["User", "user PROFILE", "user,profile", "user\tprofile", 'user "profile"', "ünser", "\\"]
)
def test_a_scope_that_is_unknown_or_malformed_is_refused(guide: Guide, scope: str) -> None:
    """ "[...] a list of space-delimited, case-sensitive strings", of %x21 / %x23-5B / %x5D-7E."""
    assert sent_back(guide.ask(scope=scope))["error"] == "invalid_scope"


@clause("RFC 6749", "3.3")
@pytest.mark.parametrize("scope", ["user profile", "profile", "user", ""])
def test_the_scope_issued_is_told(guide: Guide, scope: str) -> None:
    """
    "If the issued access token scope is different from the one requested by the client, the authorization server MUST include
    the "scope" response parameter". Ours is always there.
    """
    assert guide.tokens(scope=scope)["scope"] == scope or "user profile"


@clause("RFC 6749", "3.3")
@pytest.mark.parametrize(("allowed", "granted"), [("user profile", "user profile"), ("profile", "profile")])
def test_an_omitted_scope_is_all_that_the_client_may_have(guide: Guide, allowed: str, granted: str) -> None:
    """ "[...] MUST either process the request using a pre-defined default value or fail the request"."""
    guide.client.scope = allowed
    guide.client.save()
    assert guide.tokens(scope="")["scope"] == granted


@clause("RFC 6749", "3.3")
def test_an_omitted_scope_without_a_default_is_invalid(guide: Guide) -> None:
    """ "[...] or fail the request indicating an invalid scope." """
    guide.client.scope = ""
    guide.client.save()
    assert sent_back(guide.ask(scope=""))["error"] == "invalid_scope"


# -- 4.1.1, 4.1.2 authorization request and response -----------------------------------------------------------------


@clause("RFC 6749", "4.1.1")
def test_a_request_needs_response_type_and_client_id_only(guide: Guide) -> None:
    """redirect_uri and scope are OPTIONAL, and state is RECOMMENDED."""
    guide.tokens()
    guide.browser.force_login(guide.alice)
    response = guide.browser.get("/authorise/?response_type=code&client_id=presc_man_123")
    assert set(sent_back(response)) == {"code", "iss"}


STATES = {
    "the guide's": "xyzABC123",
    "reserved characters": "a&b=c#d?e/f:g@h!i$j'k(l)m*n,o;p",
    "plus and space": "a+b c%20d%2B",
    "quotes and brackets": """<script>alert("x")</script>'`{}[]|\\^""",
    "line ends": "a\r\nSet-Cookie: b=c\r\n\r\nd\te",
    "beyond ASCII": "Grüße 日本 😀 \u202e \u0301",
    "spaces around": "  x  ",
    "base64": "eyJhIjoiYiJ9+/==",
    "8000 characters": "0123456789" * 800,
}


@clause("RFC 6749", "4.1.2")
@pytest.mark.parametrize("outcome", ["code", "error"])
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_state_comes_back_exactly(guide: Guide, state: str, outcome: str) -> None:
    """ "REQUIRED if the "state" parameter was present in the client authorization request. The exact value received"."""
    response = guide.answer(state=state, **({} if outcome == "code" else {"deny": "1"}))
    answer = sent_back(response)
    assert (outcome in answer, answer["state"]) == (True, state)
    assert set(response.headers) & {"Set-Cookie"} == set()


class Fields(HTMLParser):
    """Reads the hidden fields of a form, as a browser does."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the name and value of an input."""
        attributes = dict(attrs)
        if tag == "input" and (name := attributes.get("name")):
            self.values[name] = attributes.get("value") or ""


@clause("RFC 6749", "4.1.2")
@pytest.mark.parametrize("state", [STATES[name] for name in STATES if name != "line ends"])
def test_state_survives_the_page_between(guide: Guide, state: str) -> None:
    """The state survives the login, the consent page's form and the redirect, as markup and in URLs."""
    response = guide.browser.get("/authorise/", guide.request(state=state))
    form = {"username": "alice", "password": "wonderland", "next": query_of(response["Location"])["next"]}
    page = guide.browser.get(guide.browser.post("/login/", form)["Location"])
    fields = Fields()
    fields.feed(page.content.decode())
    assert fields.values["state"] == state


@clause("RFC 6749", "4.1.2")
def test_no_state_sent_is_none_returned(guide: Guide) -> None:
    """REQUIRED only "if the "state" parameter was present"."""
    assert set(sent_back(guide.answer(state=""))) == {"code", "iss"}


@clause("RFC 6749", "4.1.2")
@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400), (601, 400)])
def test_a_code_expires_shortly_after_it_was_issued(guide: Guide, seconds: int, status: int) -> None:
    """
    "The authorization code MUST expire shortly after it is issued [...]. A maximum authorization code lifetime of 10 minutes
    is RECOMMENDED."
    """
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        code = guide.code()
    with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
        response = guide.exchange(code)
    assert response.status_code == status
    if status == 400:
        assert refusal_of(response) == (400, "invalid_grant")


@clause("RFC 6749", "4.1.2")
def test_a_code_that_was_used_is_refused_and_what_it_made_is_revoked(guide: Guide) -> None:
    """
    "If an authorization code is used more than once, the authorization server MUST deny the request and SHOULD revoke (when
    possible) all tokens previously issued based on that authorization code."
    """
    code = guide.code()
    first = guide.exchange(code).json()
    renewed = guide.refresh(first["refresh_token"]).json()
    assert refusal_of(guide.exchange(code)) == (400, "invalid_grant")
    assert [guide.is_alive(tokens["access_token"]) for tokens in (first, renewed)] == [False, False]
    assert refusal_of(guide.refresh(renewed["refresh_token"])) == (400, "invalid_grant")
    assert refusal_of(guide.exchange(code)) == (400, "invalid_grant")


@clause("RFC 6749", "4.1.2")
def test_a_replay_ends_what_this_code_made_and_nothing_else(guide: Guide) -> None:
    """ "[...] all tokens previously issued based on that authorization code": Alice's other device stays connected."""
    code, other = guide.code(), guide.tokens()
    guide.exchange(code)
    guide.exchange(code)
    assert guide.is_alive(other["access_token"])
    assert guide.refresh(other["refresh_token"]).status_code == 200


@clause("RFC 6749", "4.1.2")
def test_a_code_is_bound_to_its_client(guide: Guide, rival: Guide) -> None:
    """ "The authorization code is bound to the client identifier and redirection URI." """
    code = guide.code()
    assert refusal_of(rival.exchange(code)) == (400, "invalid_grant")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "4.1.2")
def test_the_answer_carries_no_token(guide: Guide) -> None:
    """The browser sees a code, but nothing that works without the client's secret."""
    location = guide.answer()["Location"]
    assert "#" not in location
    assert {name for name, _ in parse_qsl(location.partition("?")[2])} == {"code", "state", "iss"}


# -- 4.1.2.1 error response ------------------------------------------------------------------------------------------


def without_grant_type(guide: Guide) -> None:
    """Take the authorization code grant from the client."""
    guide.client.grant_types = "refresh_token"
    guide.client.save()


@clause("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize(
    ("error", "changes"),
    [
        ("invalid_request", {"response_type": ""}),
        ("invalid_request", {"code_challenge": "too-short", "code_challenge_method": "S256"}),
        ("request_not_supported", {"request": "eyJhbGciOiJub25lIn0.e30."}),
        ("request_uri_not_supported", {"request_uri": "https://app.example/request.jwt"}),
        ("invalid_request", {"response_mode": "web_message"}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("invalid_scope", {"scope": "everything"}),
    ],
)
def test_a_refusal_travels_to_the_client(guide: Guide, error: str, changes: dict[str, str]) -> None:
    """
    "[...] if the request fails for reasons other than a missing or invalid redirection URI, the authorization server informs
    the client by adding the following parameters to the query component of the redirection URI"
    """
    answer = sent_back(guide.ask(**changes))
    assert answer.pop("error") == error
    assert DESCRIPTION.fullmatch(answer.pop("error_description"))
    assert answer == {"state": "xyzABC123", "iss": "http://localhost:8000"}


@clause("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize("method", ["ask", "answer"])
def test_a_client_that_may_not_use_codes_is_unauthorized(guide: Guide, method: str) -> None:
    """ "The client is not authorized to request an authorization code using this method." """
    without_grant_type(guide)
    assert sent_back(getattr(guide, method)())["error"] == "unauthorized_client"


@clause("RFC 6749", "4.1.2.1")
def test_a_denial_is_told_as_such(guide: Guide) -> None:
    """ "The resource owner or authorization server denied the request." Nothing is stored."""
    answer = sent_back(guide.answer(deny="1"))
    assert (answer["error"], answer["state"]) == ("access_denied", "xyzABC123")
    assert (Consent.objects.count(), AuthorizationCode.objects.count()) == (0, 0)


@clause("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize("client_id", ["", "nobody", "PRESC_MAN_123", "presc_man_123 ", "presc_man_123/../x"])
def test_an_unknown_client_is_told_to_the_person(guide: Guide, client_id: str) -> None:
    """
    "[...] if the client identifier is missing or invalid, the authorization server SHOULD inform the resource owner of the
    error and MUST NOT automatically redirect the user-agent".
    """
    assert is_page(guide.ask(client_id=client_id))


# -- 4.1.3 access token request --------------------------------------------------------------------------------------


@clause("RFC 6749", "4.1.3")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("missing", ["grant_type", "code"])
def test_a_required_parameter_that_is_missing_is_an_invalid_request(guide: Guide, missing: str, as_form: bool) -> None:
    """grant_type and code are REQUIRED; the sentence names the missing one."""
    body = {"grant_type": "authorization_code", "code": guide.code(), "redirect_uri": REDIRECT_URI}
    response = guide.post(
        "/token/", body | {"client_id": guide.client.client_id, "client_secret": SECRET, missing: ""}, as_form=as_form
    )
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == f"{missing} is missing"


@clause("RFC 6749", "4.1.3")
@pytest.mark.parametrize(
    "uri",
    ["", "http://127.0.0.1:5000/callback/", "http://127.0.0.1:5000/Callback", OTHER_URI, "http://127.0.0.1/callback"],
)
def test_the_redirect_uri_of_the_authorization_request_comes_again(guide: Guide, uri: str) -> None:
    """
    "[...] ensure that the "redirect_uri" parameter is present if the "redirect_uri" parameter was included in the initial
    authorization request [...], and if included ensure that their values are identical." Another registered one is not.
    """
    code = with_two_targets(guide).code()
    assert refusal_of(guide.exchange(code, redirect_uri=uri)) == (400, "invalid_grant")
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "4.1.3")
def test_a_redirect_uri_that_was_not_sent_need_not_come_again(guide: Guide) -> None:
    """ "REQUIRED, if the "redirect_uri" parameter was included in the authorization request"."""
    assert guide.exchange(guide.code(redirect_uri=""), redirect_uri="").status_code == 200


@clause("RFC 6749", "4.1.3")
def test_a_public_clients_code_is_for_its_client_id(public: PublicGuide, alice: object) -> None:
    """ "[...] if the client is public, ensure that the code was issued to "client_id" in the request"."""
    Client.objects.create(
        client_id="other_app",
        name="Other",
        client_type=Client.ClientType.PUBLIC,
        application_type=Client.ApplicationType.NATIVE,
        redirect_uris=public.client.redirect_uris,
    )
    code = public.code()
    assert refusal_of(public.exchange(code, client_id="other_app")) == (400, "invalid_grant")
    assert public.exchange(code).status_code == 200


@clause("RFC 6749", "4.1.3")
@pytest.mark.parametrize(
    "code",
    [
        "SPL__a-Random-UrlSafe-String-1234",
        "SPL__",
        "x",
        "AT_x",
        "null",
        "SPL__" + "A" * 66,
        "SPL__" + "A" * 10_000,
        "ü",
        "' OR 1=1 --",
    ],
)
def test_a_code_that_was_never_issued_is_an_invalid_grant(guide: Guide, code: str) -> None:
    """ "[...] verify that the authorization code is valid"."""
    assert refusal_of(guide.exchange(code)) == (400, "invalid_grant")


@clause("RFC 6749", "4.1.3")
def test_a_token_is_no_code(guide: Guide) -> None:
    """ "[...] verify that the authorization code is valid": a genuine token is not a code, either."""
    tokens = guide.tokens()
    for text in (tokens["access_token"], tokens["refresh_token"]):
        for sent in (text, "SPL__" + text.partition("_")[2]):
            assert refusal_of(guide.exchange(sent)) == (400, "invalid_grant")
    assert guide.is_alive(tokens["access_token"])


@clause("RFC 6749", "4.1.3")
@pytest.mark.parametrize("who", ["user", "client"])
def test_a_code_is_refused_once_its_user_or_client_is_inactive(guide: Guide, who: str) -> None:
    """ "[...] verify that the authorization code is valid", at the moment it is used."""
    code = guide.code()
    deactivated = guide.alice if who == "user" else guide.client
    deactivated.is_active = False
    deactivated.save()
    expected = (400, "invalid_grant") if who == "user" else (401, "invalid_client")
    assert refusal_of(guide.exchange(code)) == expected


# -- 4.4 client credentials grant ----------------------------------------------------------------------------------------


def own_token(guide: Guide, *, as_form: bool = True, authorization: str = "", **changes: str) -> Any:
    """Send POST /token/ as a client that may have tokens of its own."""
    Client.objects.update(grant_types="authorization_code refresh_token client_credentials")
    body = {"grant_type": "client_credentials", "client_id": guide.client.client_id, "client_secret": SECRET} | changes
    sent = {name: value for name, value in body.items() if value}
    return guide.post("/token/", sent, as_form=as_form, authorization=authorization)


@clause("RFC 6749", "4.4")
def test_client_credentials_are_for_confidential_clients_only(guide: Guide) -> None:
    """ "The client credentials grant type MUST only be used by confidential clients." """
    Client.objects.update(client_type="public", secret_hash="")
    assert refusal_of(own_token(guide, client_secret="")) == (400, "unauthorized_client")


@clause("RFC 6749", "4.4.2")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("is_basic", [True, False], ids=["Basic", "body"])
def test_a_client_gets_a_token_by_its_credentials(guide: Guide, as_form: bool, is_basic: bool) -> None:
    """ "The client MUST authenticate with the authorization server as described in Section 3.2.1." """
    changes = EMPTY if is_basic else {}
    authorization = basic(guide.client.client_id, SECRET) if is_basic else ""
    response = own_token(guide, as_form=as_form, authorization=authorization, **changes)
    assert (response.status_code, response["Cache-Control"], response["Pragma"]) == (
        200,
        "private, no-store",
        "no-cache",
    )


@clause("RFC 6749", "4.4.2")
def test_client_credentials_without_authentication_are_refused(guide: Guide) -> None:
    """The client_id alone is public."""
    assert refusal_of(own_token(guide, client_secret="")) == (401, "invalid_client")
    assert refusal_of(own_token(guide, client_secret="wrong")) == (401, "invalid_client")


@clause("RFC 6749", "4.4.3")
def test_a_clients_own_token_comes_without_a_refresh_token(guide: Guide) -> None:
    """ "A refresh token SHOULD NOT be included." """
    members = own_token(guide).json()
    assert set(members) == {"access_token", "token_type", "expires_in", "scope"}
    assert members["token_type"] == "Bearer"


@clause("RFC 6749", "4.4.2")
@pytest.mark.parametrize(("scope", "answer"), [("profile", "profile"), ("", "user profile")])
def test_the_scope_of_a_clients_own_token_is_told(guide: Guide, scope: str, answer: str) -> None:
    """ "scope OPTIONAL. The scope of the access request as described by Section 3.3." """
    assert own_token(guide, scope=scope).json()["scope"] == answer


# -- 5.1 successful response -----------------------------------------------------------------------------------------


@clause("RFC 6749", "5.1")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_the_token_response_has_these_members_and_no_other(guide: Guide, as_form: bool) -> None:
    """ "Parameter names and string values are included as JSON strings. Numerical values are included as JSON numbers." """
    response = guide.exchange(guide.code(), as_form=as_form)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    members = response.json()
    assert {name: type(value) for name, value in members.items()} == {
        "access_token": str,
        "token_type": str,
        "expires_in": int,
        "refresh_token": str,
        "scope": str,
    }
    assert (members["token_type"], members["expires_in"]) == ("Bearer", 3600)


@clause("RFC 6749", "5.1")
def test_tokens_are_never_cached(guide: Guide) -> None:
    """
    "The authorization server MUST include the HTTP "Cache-Control" response header field [RFC2616] with a value of "no-store"
    in any response containing tokens, credentials, or other sensitive information, as well as the "Pragma" response header
    field [RFC2616] with a value of "no-cache"."
    """
    first = guide.exchange(guide.code())
    second = guide.refresh(first.json()["refresh_token"])
    person = guide.userinfo(second.json()["access_token"])
    answers = [(response["Cache-Control"], response["Pragma"]) for response in (first, second, person)]
    assert answers == [("private, no-store", "no-cache")] * 3


@clause("RFC 6749", "5.1")
@pytest.mark.parametrize(("seconds", "status"), [(3599, 200), (3600, 401)])
def test_an_access_token_lives_as_long_as_it_says(guide: Guide, seconds: int, status: int) -> None:
    """
    "For example, the value "3600" denotes that the access token will expire in one hour from the time the response was
    generated."
    """
    now = timezone.now().replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        access_token = guide.tokens()["access_token"]
    with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
        assert guide.userinfo(access_token).status_code == status


@clause("RFC 6749", "5.1")
def test_a_client_that_may_not_refresh_gets_no_refresh_token(guide: Guide) -> None:
    """refresh_token is OPTIONAL; an unusable one could only be stolen."""
    guide.client.grant_types = "authorization_code"
    guide.client.save()
    assert set(guide.tokens()) == {"access_token", "token_type", "expires_in", "scope"}


@clause("RFC 6749", "5.1")
def test_no_two_tokens_are_alike(guide: Guide) -> None:
    """Two devices of a user are two authorisations."""
    first, second = guide.tokens(), guide.tokens()
    texts = [tokens[name] for tokens in (first, second) for name in ("access_token", "refresh_token")]
    assert len(set(texts)) == 4


# -- 5.2 error response ----------------------------------------------------------------------------------------------


@clause("RFC 6749", "5.2")
@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/"])
@pytest.mark.parametrize(
    "authorization",
    [
        basic("presc_man_123", "wrong"),
        basic("nobody", SECRET),
        "Basic",
        "Basic ",
        "Basic ????",
        "Basic bm9jb2xvbg==",
        "Basic gICA",
        "basic " + basic("presc_man_123", "wrong")[6:],
        "Bearer AT_x",
        'Digest username="presc_man_123"',
        "x",
    ],
)
def test_a_client_that_fails_in_the_header_is_challenged(guide: Guide, path: str, authorization: str) -> None:
    """
    "If the client attempted to authenticate via the "Authorization" request header field, the authorization server MUST
    respond with an HTTP 401 (Unauthorized) status code and include the "WWW-Authenticate" response header field matching the
    authentication scheme used by the client."
    """
    body = {"grant_type": "refresh_token", "refresh_token": "RT_x", "token": "RT_x"}
    body = {name: body[name] for name in (("token",) if path == "/oauth/revoke/" else ("grant_type", "refresh_token"))}
    response = guide.post(path, body, authorization=authorization)
    assert refusal_of(response) == (401, "invalid_client")
    assert response["WWW-Authenticate"] == 'Basic realm="oauth_service", charset="UTF-8"'


@clause("RFC 6749", "5.2")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "Authorization_Code"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ({"code_verifier": "a" * 43}, "invalid_grant"),
    ],
)
def test_each_error_has_its_code_and_status_400(guide: Guide, changes: dict[str, Any], error: str) -> None:
    """ "The authorization server responds with an HTTP 400 (Bad Request) status code (unless specified otherwise)"."""
    code = guide.code()
    assert refusal_of(guide.exchange(code, **changes)) == (400, error)
    assert guide.exchange(code).status_code == 200


@clause("RFC 6749", "5.2")
def test_a_client_that_may_not_use_a_grant_type_is_unauthorized(guide: Guide) -> None:
    """ "The authenticated client is not authorized to use this authorization grant type." """
    code, refresh_token = guide.code(), guide.tokens()["refresh_token"]
    guide.client.grant_types = "authorization_code"
    guide.client.save()
    assert refusal_of(guide.refresh(refresh_token)) == (400, "unauthorized_client")
    without_grant_type(guide)
    assert refusal_of(guide.exchange(code)) == (400, "unauthorized_client")
    assert (AuthorizationCode.objects.count(), Grant.objects.count()) == (1, 1)


@clause("RFC 6749", "5.2")
def test_a_client_is_authenticated_before_its_grant_is_looked_at(guide: Guide) -> None:
    """Without authentication, the answer is the same for right and wrong codes, so it reveals nothing about them."""
    refusals = []
    for code in (guide.code(), "SPL__unknown"):
        members = guide.exchange(code, client_secret="wrong").json()
        refusals.append({name: members[name] for name in ("error", "error_description")})
    assert refusals == [{"error": "invalid_client", "error_description": "client authentication failed"}] * 2


# -- 6. refreshing an access token -----------------------------------------------------------------------------------


@clause("RFC 6749", "6")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("placement", ["body", "Basic"])
def test_a_refresh_token_gets_a_new_pair(guide: Guide, as_form: bool, placement: str) -> None:
    """ "If valid and authorized, the authorization server issues an access token as described in Section 5.1." """
    before = guide.tokens()
    sent, authorization = EMPTY, basic(guide.client.client_id, SECRET)
    if placement == "body":
        sent, authorization = {}, ""
    response = guide.refresh(before["refresh_token"], as_form=as_form, authorization=authorization, **sent)
    after = response.json()
    assert (response.status_code, list(after)) == (200, list(before))
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert guide.is_alive(after["access_token"])


@clause("RFC 6749", "6")
def test_a_refresh_without_its_token_is_an_invalid_request(guide: Guide) -> None:
    """refresh_token is REQUIRED."""
    response = guide.refresh("")
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == "refresh_token is missing"


@clause("RFC 6749", "6")
@pytest.mark.parametrize(
    ("scope", "granted"), [("user", "user"), ("profile", "profile"), ("profile user", "profile user")]
)
def test_a_narrower_scope_is_honoured(guide: Guide, scope: str, granted: str) -> None:
    """Only the access token has less scope, and the response says so."""
    narrowed = guide.refresh(guide.tokens()["refresh_token"], scope=scope).json()
    assert narrowed["scope"] == granted
    claims = set(guide.userinfo(narrowed["access_token"]).json())
    assert ("username" in claims, "name" in claims) == ("user" in granted, "profile" in granted)


@clause("RFC 6749", "6")
@pytest.mark.parametrize("scope", ["user profile", "profile", "user everything", "USER", "user,profile"])
def test_a_wider_scope_is_refused_and_the_token_survives(guide: Guide, scope: str) -> None:
    """ "The requested scope MUST NOT include any scope not originally granted by the resource owner"."""
    refresh_token = guide.tokens(scope="user")["refresh_token"]
    assert refusal_of(guide.refresh(refresh_token, scope=scope)) == (400, "invalid_scope")
    assert guide.refresh(refresh_token).json()["scope"] == "user"


@clause("RFC 6749", "6")
def test_a_refresh_token_keeps_its_scope_through_a_narrower_access_token(guide: Guide) -> None:
    """
    "[...] if omitted is treated as equal to the scope originally granted by the resource owner. [...] If a new refresh token is
    issued, the refresh token scope MUST be identical to that of the refresh token included by the client in the request."
    """
    narrowed = guide.refresh(guide.tokens()["refresh_token"], scope="user").json()
    assert guide.refresh(narrowed["refresh_token"]).json()["scope"] == "user profile"


@clause("RFC 6749", "6")
def test_a_refresh_token_is_for_the_client_it_was_issued_to(guide: Guide, rival: Guide) -> None:
    """ "[...] ensure that the refresh token was issued to the authenticated client". The owner's token stays valid."""
    refresh_token = guide.tokens()["refresh_token"]
    assert refusal_of(rival.refresh(refresh_token)) == (400, "invalid_grant")
    assert guide.refresh(refresh_token).status_code == 200


@clause("RFC 6749", "6")
def test_a_refresh_token_is_validated(guide: Guide) -> None:
    """ "[...] and validate the refresh token": unknown, of another kind, or with another kind's prefix."""
    tokens = guide.tokens()
    access_token = tokens["access_token"]
    for text in ("RT_x", "RT_" + "A" * 76, access_token, "RT_" + access_token[3:], tokens["refresh_token"] + "A", "ü"):
        assert refusal_of(guide.refresh(text)) == (400, "invalid_grant")
    assert guide.refresh(tokens["refresh_token"]).status_code == 200


@clause("RFC 6749", "6")
def test_a_refresh_token_is_refused_once_its_user_is_inactive(guide: Guide) -> None:
    """ "[...] and validate the refresh token", at the moment it is used."""
    refresh_token = guide.tokens()["refresh_token"]
    guide.alice.is_active = False
    guide.alice.save()
    assert refusal_of(guide.refresh(refresh_token)) == (400, "invalid_grant")


# -- 10. security considerations -------------------------------------------------------------------------------------


@clause("RFC 6749", "10.2")
def test_the_person_is_told_who_asks_for_what(guide: Guide) -> None:
    """ "[...] provide the resource owner with information about the client and the requested authorization scope"."""
    page = guide.ask(scope="user").content.decode()
    for words in ("Prescription Manager", "Wonderland Health", "127.0.0.1:5000", "Your username and e-mail address"):
        assert words in page
    assert "when your profile was last updated" not in page


@clause("RFC 6749", "10.2")
def test_a_repeated_request_of_an_app_that_nothing_proves_is_asked_about_again(public: PublicGuide) -> None:
    """
    "The authorization server SHOULD NOT process repeated authorization requests automatically (without active resource owner
    interaction) without authenticating the client".
    """
    public.tokens()
    assert public.ask().status_code == 200


@clause("RFC 6749", "10.3")
def test_nothing_that_could_be_replayed_is_stored(guide: Guide) -> None:
    """ "Access token credentials [...] MUST be kept confidential in transit and storage"; so must codes and refresh tokens."""
    code = guide.code()
    tokens = guide.exchange(guide.code()).json()
    renewed = guide.refresh(tokens["refresh_token"]).json()
    guide.revoke(tokens["access_token"])
    issued = [code, *(made[name] for made in (tokens, renewed) for name in ("access_token", "refresh_token"))]
    stored = "\n".join(
        repr(value) for model in apps.get_models() for row in model._default_manager.values() for value in row.values()
    )
    assert [text for text in issued if text[-43:] in stored] == []
    assert SECRET not in stored


@clause("RFC 6749", "10.3")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 20, 40, -1])
def test_a_modified_token_is_none(guide: Guide, name: str, place: int) -> None:
    """
    "The authorization server MUST ensure that access tokens cannot be generated, modified, or guessed to produce valid access
    tokens by unauthorized parties." Section 10.4 says the same of refresh tokens.
    """
    text = guide.tokens()[name]
    characters = list(text)
    characters[place] = "B" if characters[place] != "B" else "C"
    modified = "".join(characters)
    if name == "access_token":
        assert not guide.is_alive(modified)
    else:
        assert refusal_of(guide.refresh(modified)) == (400, "invalid_grant")
        assert guide.refresh(text).status_code == 200


@clause("RFC 6749", "10.10")
def test_what_is_issued_cannot_be_guessed(guide: Guide) -> None:
    """
    "The probability of an attacker guessing generated tokens [...] MUST be less than or equal to 2^(-128) and SHOULD be less
    than or equal to 2^(-160)." The last 32 bytes of each are a MAC, and differ in about half of their bits.
    """
    texts = [guide.code(), guide.code()]
    texts += [guide.exchange(code).json()["access_token"] for code in texts]
    endings = {re.sub(r"^(SPL__|AT_)", "", text)[-42:] for text in texts}
    assert len(endings) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{42}", ending) for ending in endings)


@clause("RFC 6749", "10.12")
def test_nobody_consents_by_a_forged_form(guide: Guide) -> None:
    """
    "The authorization server MUST implement CSRF protection for its authorization endpoint and ensure that a malicious client
    cannot obtain authorization without the awareness and explicit consent of the resource owner."
    """
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(guide.alice)
    form = guide.request(response_type="")
    forged = browser.post("/authorise/", urlencode(form), content_type=FORM)
    assert (forged.status_code, Consent.objects.count(), AuthorizationCode.objects.count()) == (403, 0, 0)
    fields = Fields()
    fields.feed(browser.get("/authorise/", guide.request()).content.decode())
    form["csrfmiddlewaretoken"] = fields.values["csrfmiddlewaretoken"]
    allowed = browser.post("/authorise/", urlencode(form), content_type=FORM)
    assert sent_back(allowed)["code"]


@clause("RFC 6749", "10.13")
def test_the_pages_cannot_be_framed(guide: Guide) -> None:
    """ "[...] avoidance of iframes can be enforced by the authorization server using the [...] "x-frame-options" header." """
    pages = [guide.ask(), guide.ask(client_id="nobody"), Browser().get("/login/"), guide.browser.get("/manage-apps/")]
    assert [page["X-Frame-Options"] for page in pages] == ["DENY"] * 4


@clause("RFC 6749", "10.14")
def test_what_is_received_is_sanitised_where_it_is_shown(guide: Guide) -> None:
    """
    "The authorization server and client MUST sanitize (and validate when possible) any value received -- in particular, the
    value of the "state" and "redirect_uri" parameters."
    """
    page = guide.ask(state='"><script>alert(1)</script>').content
    assert b"<script" not in page
    refused = guide.ask(redirect_uri='https://evil.example/"><script>alert(1)</script>')
    assert is_page(refused)
    assert b"<script" not in refused.content


@clause("RFC 6749", "10.15")
@pytest.mark.parametrize("path", ["/authorise/", "/login/", "/logout/", "/oauth/deauthorise/"])
@pytest.mark.parametrize("name", ["next", "redirect_uri", "state", "client_id"])
def test_nothing_here_is_an_open_redirector(guide: Guide, path: str, name: str) -> None:
    """ "[...] can be improperly configured and operate as open redirectors": none of the endpoints may be one."""
    evil = "https://evil.example/"
    browser = Browser()
    browser.force_login(guide.alice)
    form = {"username": "alice", "password": "wonderland", name: evil}
    responses = [browser.get(path, {name: evil}), browser.post(path, form), Browser().post(path, form)]
    locations = [response["Location"] for response in responses if response.has_header("Location")]
    assert [place for place in locations if not place.startswith("/")] == []
    assert [place for place in locations if place.startswith("//")] == []


# -- Appendix B ------------------------------------------------------------------------------------------------------


@clause("RFC 6749", "B")
@pytest.mark.parametrize(
    ("sent", "secret"),
    [
        ("+%25%26%2B%C2%A3%E2%82%AC", " %&+\u00a3\u20ac"),
        ("%20%25%26%2B%C2%A3%E2%82%AC", " %&+\u00a3\u20ac"),
        ("%2b%c2%a3", "+\u00a3"),
    ],
)
def test_the_forms_example_is_read_as_the_appendix_says(guide: Guide, sent: str, secret: str) -> None:
    """
    The appendix's example has the code points U+0020, U+0025, U+0026, U+002B, U+00A3 and U+20AC; its variants are tried,
    too.
    """
    guide.client.choose_secret(secret)
    guide.client.save()
    rest = urlencode({"grant_type": "authorization_code", "code": guide.code(), "redirect_uri": REDIRECT_URI})
    body = f"{rest}&client_id={guide.client.client_id}&client_secret={sent}"
    assert guide.server.post("/token/", body, content_type=FORM).status_code == 200
