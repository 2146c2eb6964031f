"""
Identity Assertion JWT Authorization Grant (ID-JAG), draft-ietf-oauth-identity-assertion-authz-grant-03.

Clauses are those of that version. This server refuses restrictions of a grant that it does not honour: act, tenant, aud_tenant,
cnf, authorization_details.
"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Client, Once, Resource, TrustedIssuer
from tests.assertions import ISSUER
from tests.clauses import clause
from tests.jwt_bearer.actors import USER_FUNCTION, IdentityProvider, allow, trusted
from tests.specs.answers import refusal_of

PURPOSE = "id-jag"


@pytest.fixture
def idp(settings: Settings, presc_man: Client, alice: User) -> IdentityProvider:
    """Return a company's identity provider; Alice has allowed its app."""
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    allow(alice, presc_man)
    return trusted(presc_man, purposes=PURPOSE)


@clause("Identity Assertion JWT Authorization Grant", "4.4.2")
def test_an_identity_assertion_gives_an_access_token(idp: IdentityProvider) -> None:
    """The token endpoint of the resource authorization server answers according to RFC 6749 section 5.1."""
    tokens = idp.tokens(PURPOSE)
    assert idp.userinfo(tokens["access_token"]) == 200


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
@pytest.mark.parametrize("typ", ["JWT", None, "at+jwt", "dpop+jwt", "secevent+jwt"])
def test_the_type_is_its_own(idp: IdentityProvider, typ: str | None) -> None:
    """typ is oauth-id-jag+jwt: an ID token of the same issuer is not an identity assertion."""
    assert refusal_of(idp.present(idp.jwt(PURPOSE, header={"typ": typ}))) == (400, "invalid_grant")


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
def test_the_type_is_compared_as_media_types_are(idp: IdentityProvider) -> None:
    """RFC 7515 section 4.1.9: case does not matter, and "application/" may precede it."""
    assert idp.tokens(PURPOSE, header={"typ": "application/OAuth-ID-JAG+JWT"})


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
@pytest.mark.parametrize("aud", ["https://other.example", [ISSUER, "https://other.example"], None, f"{ISSUER}/token/"])
def test_the_audience_is_this_issuer_alone(idp: IdentityProvider, aud: Any) -> None:
    """aud is the issuer identifier of the resource authorization server, which is this server."""
    assert refusal_of(idp.present(idp.jwt(PURPOSE, aud=aud))) == (400, "invalid_grant")


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
@pytest.mark.parametrize("client_id", ["another", None, ["presc_man_123"]])
def test_the_client_is_the_one_that_authenticates(idp: IdentityProvider, client_id: Any) -> None:
    """client_id identifies the client that the request authenticates."""
    assert refusal_of(idp.present(idp.jwt(PURPOSE, client_id=client_id))) == (400, "invalid_grant")


@clause("Identity Assertion JWT Authorization Grant", "3.1")
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"])
def test_no_required_claim_may_be_missing(idp: IdentityProvider, claim: str) -> None:
    """iss, sub, aud, client_id, jti, exp and iat are REQUIRED."""
    assert refusal_of(idp.present(idp.jwt(PURPOSE, **{claim: None}))) == (400, "invalid_grant")
    assert Once.objects.count() == 0


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
def test_scope_and_resource_are_honoured(idp: IdentityProvider) -> None:
    """scope and resource of the assertion limit the token; the client cannot ask for more."""
    apis = ("https://api.example", "https://other.example")
    for identifier in apis:
        Resource.objects.create(identifier=identifier, name="API", is_for_all=True)
    allow(User.objects.get(), idp.client, at=dict.fromkeys(apis, "user profile"))
    tokens = idp.tokens(PURPOSE, scope="profile", resource="https://api.example")
    assert (tokens["scope"], idp.userinfo(tokens["access_token"])) == ("profile", 401)
    wider = idp.jwt(PURPOSE, scope="profile", resource="https://api.example")
    assert refusal_of(idp.present(wider, scope="user profile")) == (400, "invalid_scope")
    assert refusal_of(idp.present(wider, resource="https://other.example")) == (400, "invalid_target")


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
def test_the_answer_names_the_resources(idp: IdentityProvider) -> None:
    """ "MUST include the granted resource (if any)": one is a string, several are an array, without any there is none."""
    apis = ["https://api.example", "https://other.example"]
    for identifier in apis:
        Resource.objects.create(identifier=identifier, name="API", is_for_all=True)
    allow(User.objects.get(), idp.client, at=dict.fromkeys(apis, "user profile"))
    told = [idp.tokens(PURPOSE, resource=named).get("resource") for named in (apis[0], apis, None)]
    assert told == [apis[0], apis, None]


@clause("Identity Assertion JWT Authorization Grant", "7.2")
def test_the_metadata_names_the_profile(idp: IdentityProvider, settings: Settings) -> None:
    """authorization_grant_profiles_supported is there if the grant type is on; trusted issuers are not listed (section 8.4)."""
    path = "/.well-known/oauth-authorization-server"
    response = idp.server.get(path)
    assert response.json()["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]
    assert "idp.example" not in response.content.decode()
    settings.OAUTH_SERVICE_JWT_BEARER_USER = ""
    assert "authorization_grant_profiles_supported" not in idp.server.get(path).json()


@clause("Identity Assertion JWT Authorization Grant", "3.1")
@pytest.mark.parametrize("claims", [
    {"tenant": "acme"}, {"aud_tenant": "acme"}, {"cnf": {"jkt": "x"}}, {"act": {}}, {"authorization_details": []},
])  # fmt: skip
def test_what_is_not_honoured_is_refused(idp: IdentityProvider, claims: dict[str, Any]) -> None:
    """A subject is unique within its tenant; a bound assertion is for the holder of its key."""
    assert refusal_of(idp.present(idp.jwt(PURPOSE, **claims))) == (400, "invalid_grant")


@clause("Identity Assertion JWT Authorization Grant", "3.1")
def test_optional_claims_about_the_sign_in_are_accepted(idp: IdentityProvider) -> None:
    """auth_time, acr, amr, email and aud_sub are OPTIONAL; the project's function reads them."""
    assert idp.tokens(PURPOSE, auth_time=1, acr="1", amr=["pwd"], email="alice@example.com", aud_sub="alice")


@clause("Identity Assertion JWT Authorization Grant", "8.1")
def test_a_public_client_is_refused(idp: IdentityProvider) -> None:
    """The grant type is for confidential clients."""
    Client.objects.update(client_type="public")
    idp.credentials = {"client_id": idp.client.client_id}
    assert refusal_of(idp.present(idp.jwt(PURPOSE))) == (400, "unauthorized_client")


@clause("Identity Assertion JWT Authorization Grant", "4.4.1")
def test_an_issuer_of_grants_is_no_issuer_of_identity_assertions(idp: IdentityProvider) -> None:
    """Staff choose each purpose of an issuer separately."""
    assert refusal_of(idp.present(idp.jwt("jwt-bearer"))) == (400, "invalid_grant")
    TrustedIssuer.objects.update(purposes="jwt-bearer")
    assert refusal_of(idp.present(idp.jwt(PURPOSE))) == (400, "invalid_grant")


@clause("RFC 7523", "3")
@clause("Identity Assertion JWT Authorization Grant", "3.1")
def test_it_is_good_once(idp: IdentityProvider) -> None:
    """
    "The authorization server MAY ensure that JWTs are not replayed": the jti is used up.

    Section 4.4.3 of the draft lets a client present an assertion again; here it gets a new one from its identity provider.
    """
    assertion = idp.jwt(PURPOSE)
    assert idp.present(assertion).status_code == 200
    assert refusal_of(idp.present(assertion)) == (400, "invalid_grant")


@clause("Identity Assertion JWT Authorization Grant", "4.4.3")
def test_no_refresh_token_is_issued(idp: IdentityProvider) -> None:
    """The client asks the identity provider again instead."""
    assert "refresh_token" not in idp.tokens(PURPOSE)
