"""RFC 7591, OAuth 2.0 Dynamic Client Registration Protocol."""

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Resource, TrustedIssuer
from tests.assertions import Signer, key_for
from tests.clauses import clause
from tests.registration.actors import CALLBACK, Software
from tests.registration.conftest import by_token, initial_token, is_open, openid, software
from tests.specs.answers import refusal_of

__all__ = ["by_token", "is_open", "openid", "software"]
ISSUER = "https://software.example"


@clause("RFC 7591", "2")
@pytest.mark.parametrize(
    ("sent", "registered"),
    [
        ({}, {"token_endpoint_auth_method": "client_secret_basic"}),
        ({}, {"grant_types": ["authorization_code"], "response_types": ["code"]}),
        ({"scope": ""}, {"scope": "user profile"}),
        ({"client_name": None}, {"client_name": "app.example"}),
    ],
)
def test_what_is_left_out_has_its_default(software: Software, sent: dict[str, Any], registered: dict[str, Any]) -> None:
    """The default is the section's, or "The authorization server MAY" choose; null and an empty text count as left out."""
    said = software.register(**sent)
    assert {name: said[name] for name in registered} == registered


@clause("RFC 7591", "2")
def test_what_is_not_understood_is_ignored(software: Software) -> None:
    """ "The authorization server MUST ignore any client metadata sent by the client that it does not understand"."""
    said = software.register(resource="https://api.example", frobnicate={"deep": [1, None]}, software_roles=[])
    assert {"resource", "frobnicate", "software_roles"} & set(said) == set()


@clause("RFC 7591", "2.1")
@pytest.mark.parametrize(
    ("grant_types", "response_types", "registered"),
    [
        (["authorization_code"], ["code"], (["authorization_code"], ["code"])),
        (["implicit"], ["token"], (["authorization_code"], ["code"])),
        (["refresh_token"], ["code"], (["authorization_code", "refresh_token"], ["code"])),
        (["authorization_code", "implicit"], ["code", "token", "code id_token"], (["authorization_code"], ["code"])),
        (["client_credentials"], [], (["authorization_code"], ["code"])),
        ([], [], (["authorization_code"], ["code"])),
    ],
)
def test_grant_types_and_response_types_fit_together(
    software: Software, grant_types: list[str], response_types: list[str], registered: tuple[list[str], list[str]]
) -> None:
    """ "The authorization server MAY reject or replace any of the client's requested field values"."""
    said = software.register(grant_types=grant_types, response_types=response_types)
    assert (said["grant_types"], said["response_types"]) == registered


@clause("RFC 7591", "2.2")
def test_a_name_has_its_translations(software: Software) -> None:
    """ "client_name#de": each comes back as registered, next to the one without a language."""
    said = software.register(
        client_name="Notes", **{"client_name#de": "Notizen", "policy_uri#de": "https://a.example/de"}
    )
    assert (said["client_name"], said["client_name#de"], said["policy_uri#de"]) == (
        "Notes",
        "Notizen",
        "https://a.example/de",
    )


@clause("RFC 7591", "2.3")
def test_a_software_statement_overrides_the_plain_metadata(software: Software, openid: None) -> None:
    """ "the values [...] conveyed in the software statement MUST take precedence over those conveyed using plain JSON"."""
    text = statement(client_name="Vouched", software_id="4NRB1-0XZABZI9E6-5SM3R")
    said = software.register(client_name="Mine", client_uri="https://app.example/", software_statement=text)
    assert (said["client_name"], said["client_uri"], said["software_id"]) == (
        "Vouched",
        "https://app.example/",
        "4NRB1-0XZABZI9E6-5SM3R",
    )


@clause("RFC 7591", "3")
def test_it_is_json_that_is_posted(software: Software) -> None:
    """ "using the HTTP POST method with a content type of "application/json"", any Accept header besides."""
    accept = "text/html, image/gif, image/jpeg, */*; q=0.2"
    sent = software.send("post", "/register/", {"redirect_uris": [CALLBACK]}, Accept=accept)
    assert (sent.status_code, sent["Content-Type"]) == (201, "application/json")
    form = software.program.post("/register/", "redirect_uris=x", content_type="application/x-www-form-urlencoded")
    assert refusal_of(form) == (400, "invalid_request")
    assert software.program.get("/register/").status_code == 405


@clause("RFC 7591", "3")
@pytest.mark.usefixtures("db", "by_token")
def test_an_initial_access_token_is_a_bearer_token() -> None:
    """ "the client or developer would include this token as an OAuth 2.0 Bearer token"; without a token the answer is 401."""
    partner = Software()
    refused = partner.post(redirect_uris=[CALLBACK])
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="oauth_service"')
    wrong = partner.post(token="IAT_wrong", redirect_uris=[CALLBACK])
    assert (refusal_of(wrong), Client.objects.count()) == ((401, "invalid_token"), 0)
    partner.register(token=initial_token())


@clause("RFC 7591", "3.1")
def test_a_client_gets_another_client_id_each_time(software: Software) -> None:
    """ "The authorization server assigns this client a unique client identifier"; one in the request is ignored."""
    first = software.register(client_id="chosen")["client_id"]
    assert len({first, software.register(client_id="chosen")["client_id"], "chosen"}) == 3


@clause("RFC 7591", "3.1.1")
@pytest.mark.parametrize(
    ("changes", "header", "error"),
    [
        ({"iss": "https://stranger.example"}, {}, "unapproved_software_statement"),
        ({"iss": None}, {}, "unapproved_software_statement"),
        ({"exp": 1}, {}, "invalid_software_statement"),
        ({"nbf": 99_999_999_999}, {}, "invalid_software_statement"),
        ({"aud": "https://other.example"}, {}, "invalid_software_statement"),
        ({"software_id": "a\0b"}, {}, "invalid_software_statement"),
        ({"software_version": "\ud800"}, {}, "invalid_software_statement"),
        ({}, {"typ": "at+jwt"}, "invalid_software_statement"),
        ({}, {"crit": ["b64"]}, "invalid_software_statement"),
    ],
)
def test_a_statement_that_is_not_believed_is_refused(
    software: Software, openid: None, changes: dict[str, Any], header: dict[str, Any], error: str
) -> None:
    """ "the authorization server MUST [...] reject"; nothing is registered."""
    response = software.refused(software_statement=statement(header=header, **changes))
    assert refusal_of(response) == (400, error)


@clause("RFC 7591", "3.1.1")
@pytest.mark.parametrize("damage", ["x.y.z", "nonsense", 7])
def test_a_malformed_software_statement_is_refused(software: Software, openid: None, damage: Any) -> None:
    """A text that is not a JWT is refused, and so is a value that is not a text."""
    assert refusal_of(software.refused(software_statement=damage)) == (400, "invalid_software_statement")


@clause("RFC 7591", "3.1.1")
def test_a_statement_that_another_key_has_signed_is_refused(software: Software, openid: None) -> None:
    """The statement claims an issuer but is not signed with the issuer's key."""
    statement()
    forged = Signer(ISSUER, key=key_for("ES256", 1)).assertion(client_name="Vouched")
    assert refusal_of(software.refused(software_statement=forged)) == (400, "invalid_software_statement")


@clause("RFC 7591", "3.1.1")
def test_an_issuer_that_is_trusted_for_something_else_states_nothing(software: Software, openid: None) -> None:
    """JWTs of such an issuer are for another purpose."""
    text = statement()
    TrustedIssuer.objects.update(purposes="jwt-bearer")
    assert refusal_of(software.refused(software_statement=text)) == (400, "unapproved_software_statement")


@clause("RFC 7591", "3.2.1")
def test_the_answer_has_all_that_was_registered(software: Software) -> None:
    """
    "Additionally, the authorization server MUST return all registered metadata about this client"; the response is not
    cached.
    """
    response = software.post(
        redirect_uris=[CALLBACK], client_name="Notes", scope="user", grant_types=["authorization_code", "refresh_token"]
    )
    said = response.json()
    client = Client.objects.get(client_id=said["client_id"])
    assert (response.status_code, response["Content-Type"], response["Cache-Control"]) == (
        201,
        "application/json",
        "private, no-store",
    )
    assert {name: said[name] for name in said if name not in ("client_id", "client_secret", "client_id_issued_at")} == {
        "client_name": "Notes",
        "redirect_uris": [CALLBACK],
        "scope": "user",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_basic",
        "client_secret_expires_at": 0,
        "registration_access_token": said["registration_access_token"],
        "registration_client_uri": f"http://localhost:8000/register/{client.client_id}/",
    }
    assert abs(said["client_id_issued_at"] - timezone.now().timestamp()) < 60


@clause("RFC 7591", "3.2.1")
def test_a_client_of_an_api_may_be_asked_for_more_of_it_later(software: Software) -> None:
    """
    "The authorization server MAY reject or replace any of the client's requested metadata values": SDKs of MCP register with the
    scope of the first challenge, and ask for that of the next one as the same client.
    """
    scopes = "notes:read See\nnotes:write Change"
    Resource.objects.create(identifier="https://notes.example/mcp", name="Notes", scopes=scopes, is_for_all=True)
    Resource.objects.create(identifier="https://bank.example/", name="Bank", scopes="bank:pay Pay", is_for_all=True)
    Resource.objects.create(identifier="https://secret.example/", name="Secret", scopes="notes:read See\nsecret See")
    assert software.register(scope="notes:read user unknown")["scope"] == "notes:read user notes:write"
    assert software.register(scope="user")["scope"] == "user"


@clause("RFC 7591", "3.2.1")
def test_what_no_client_may_register_is_not_added(software: Software, settings: Settings) -> None:
    """OAUTH_SERVICE_REGISTRATION_SCOPES limits clients, even if an API could require more."""
    settings.OAUTH_SERVICE_REGISTRATION_SCOPES = ["user", "notes:read"]
    scopes = "notes:read See\nnotes:write Change"
    Resource.objects.create(identifier="https://notes.example/mcp", name="Notes", scopes=scopes, is_for_all=True)
    assert software.register(scope="notes:read")["scope"] == "notes:read"


@clause("RFC 7591", "3.2.1")
def test_the_secret_authenticates_the_client(software: Software) -> None:
    """The secret is shown once; a public client has none, and no client_secret_expires_at either."""
    secret = software.register()["client_secret"]
    assert software.exchange().json()["error"] == "invalid_grant"
    assert software.exchange(client_secret="wrong").json()["error"] == "invalid_client"
    assert secret not in software.client.secret_hash
    public = software.register(token_endpoint_auth_method="none")
    assert {"client_secret", "client_secret_expires_at"} & set(public) == set()
    assert software.exchange().json()["error"] == "invalid_grant"


@clause("RFC 7591", "3.2.1")
def test_a_software_statement_comes_back_as_it_was(software: Software, openid: None) -> None:
    """ "its value MUST be returned unmodified in the response along with other metadata"."""
    text = statement(client_name="Vouched")
    assert software.register(software_statement=text)["software_statement"] == text
    assert software.read().json()["software_statement"] == text


@clause("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    "uris",
    [
        ["https://app.example/#fragment"],
        ["http://app.example/callback"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["app:callback"],
        ["https://user@app.example/"],
        ["https://*.app.example/callback"],
        ["https://app.example/*"],
        [CALLBACK, "http://app.example/callback"],
        ["https://app.example/a b"],
        ["//app.example/"],
        [],
    ],
)
def test_redirect_uris_that_are_not_safe_are_refused(software: Software, uris: list[str]) -> None:
    """ "invalid_redirect_uri: The value of one or more redirection URIs is invalid." Another URI that is right does not help."""
    assert refusal_of(software.refused(redirect_uris=uris)) == (400, "invalid_redirect_uri")


@clause("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    "members",
    [
        {"redirect_uris": CALLBACK},
        {"redirect_uris": [7]},
        {"client_name": ["Notes"]},
        {"client_name#de": 7},
        {"grant_types": "authorization_code"},
        {"scope": ["user"]},
        {"contacts": {}},
        {"jwks": "{}"},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"jwks_uri": "http://app.example/jwks"},
        {"client_uri": "javascript:alert(1)"},
        {"policy_uri#de": "javascript:alert(1)"},
        {"software_id": {}},
    ],
)
def test_metadata_that_makes_no_sense_is_refused(software: Software, members: dict[str, Any]) -> None:
    """ "invalid_client_metadata: The value of one of the client metadata fields is invalid"."""
    assert refusal_of(software.refused(**members)) == (400, "invalid_client_metadata")


@clause("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 60_000]
)
def test_a_body_that_is_no_object_is_refused(software: Software, body: bytes) -> None:
    """No member of such a body was understood."""
    response = software.program.post("/register/", body, content_type="application/json")
    assert refusal_of(response) == (400, "invalid_request")


@clause("RFC 7591", "5")
def test_a_client_of_the_browser_registers_across_origins(software: Software) -> None:
    """A preflight allows the token and JSON; cookies are not used."""
    preflight = software.program.options("/register/", headers={"Origin": "https://app.example"})
    assert (preflight.status_code, preflight["Access-Control-Allow-Origin"]) == (204, "*")
    assert "POST" in preflight["Access-Control-Allow-Methods"]
    assert {"Authorization", "Content-Type"} <= set(preflight["Access-Control-Allow-Headers"].split(", "))


@clause("RFC 7591", "5")
def test_a_public_client_must_use_pkce(software: Software, settings: Settings) -> None:
    """The server may not require PKCE of other clients, but a public client always needs it."""
    settings.OAUTH_SERVICE_REGISTRATION_REQUIRES_PKCE = False
    software.register(token_endpoint_auth_method="none")
    assert software.client.must_use_pkce
    software.register(redirect_uris=["http://127.0.0.1/callback"])
    assert software.client.must_use_pkce
    software.register()
    assert not software.client.must_use_pkce


def statement(*, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Sign a software statement as an issuer that is trusted for them."""
    issuer = Signer(ISSUER)
    TrustedIssuer.objects.create(
        issuer=ISSUER, jwks=issuer.jwks, purposes="software-statement", algorithms=issuer.algorithm
    )
    return issuer.assertion(header={"typ": "JWT", **(header or {})}, **{"jti": None, "sub": None, **claims})
