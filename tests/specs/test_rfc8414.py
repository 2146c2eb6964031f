"""RFC 8414, Authorization Server Metadata: everything in the document works, and the tests try each value."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.protocol.jwt import ASYMMETRIC, MACS
from tests.assertions import Signer
from tests.clauses import clause
from tests.guide import REDIRECT_URI, SECRET, Guide, basic
from tests.specs.answers import refusal_of, sent_back
from tests.specs.appendix_b import CHALLENGE, CHALLENGED, VERIFIER
from tests.specs.public import PublicGuide

PATH = "/.well-known/oauth-authorization-server"
METHODS = ["client_secret_basic", "client_secret_post", "none", "private_key_jwt", "client_secret_jwt"]


def metadata(guide: Guide) -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = guide.server.get(PATH).json()
    return document


def endpoint(guide: Guide, name: str) -> str:
    """Return the path of an endpoint that the document names; it is at the issuer's own origin."""
    url: str = metadata(guide)[name]
    assert url.startswith("http://localhost:8000/")
    return urlsplit(url).path


@clause("RFC 8414", "2")
def test_the_document_word_for_word(guide: Guide) -> None:
    """Clients rely on it, so it must change only on purpose. Endpoints without special rules are not named."""
    assert metadata(guide) == {
        "issuer": "http://localhost:8000",
        "authorization_endpoint": "http://localhost:8000/authorise/",
        "token_endpoint": "http://localhost:8000/token/",
        "userinfo_endpoint": "http://localhost:8000/userinfo/",
        "revocation_endpoint": "http://localhost:8000/oauth/revoke/",
        "scopes_supported": ["user", "profile"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": [*ASYMMETRIC, *MACS],
        "revocation_endpoint_auth_signing_alg_values_supported": [*ASYMMETRIC, *MACS],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


@clause("RFC 8414", "2")
@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example:8443", "http://localhost:8000"])
def test_the_issuer_is_a_url_without_query_or_fragment(guide: Guide, settings: Settings, issuer: str) -> None:
    """
    "The authorization server's issuer identifier, which is a URL that uses the "https" scheme and has no query or fragment
    components." http is for this machine only. Every endpoint is at the same origin.
    """
    settings.OAUTH_SERVICE_ISSUER = issuer
    document = metadata(guide)
    assert document["issuer"] == issuer
    endpoints = [value for name, value in document.items() if name.endswith("_endpoint")]
    assert [url for url in endpoints if not url.startswith(f"{issuer}/")] == []


@clause("RFC 8414", "2")
def test_every_scope_that_is_named_can_be_had(guide: Guide) -> None:
    """scopes_supported has only scopes that can be issued; this client may have them all."""
    for scope in metadata(guide)["scopes_supported"]:
        assert guide.tokens(scope=scope)["scope"] == scope


@clause("RFC 8414", "2")
@pytest.mark.parametrize("response_type", ["code", "token", "id_token", "none", "code token"])
def test_a_response_type_works_if_it_is_named(guide: Guide, response_type: str) -> None:
    """response_types_supported has exactly the types that work."""
    guide.tokens()
    works = "code" in sent_back(guide.ask(response_type=response_type))
    assert works == (response_type in metadata(guide)["response_types_supported"])


@clause("RFC 8414", "2")
def test_the_response_mode_that_is_named_is_the_one_used(guide: Guide) -> None:
    """The first mode is the query, the default."""
    assert metadata(guide)["response_modes_supported"][0] == "query"
    location = urlsplit(guide.answer()["Location"])
    assert ("code=" in location.query, location.fragment) == (True, "")


@clause("RFC 8414", "2")
@pytest.mark.parametrize(
    "grant_type",
    [
        "authorization_code",
        "refresh_token",
        "implicit",
        "password",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
)
def test_a_grant_type_works_if_it_is_named(guide: Guide, grant_type: str) -> None:
    """grant_types_supported has exactly the types that work; the client is registered for all of them."""
    guide.client.grant_types = f"authorization_code refresh_token {grant_type}"
    guide.client.save()
    body = {"grant_type": grant_type, "client_id": guide.client.client_id, "client_secret": SECRET}
    if grant_type == "authorization_code":
        body |= {"code": guide.code(), "redirect_uri": REDIRECT_URI}
    elif grant_type == "refresh_token":
        body |= {"refresh_token": guide.tokens()["refresh_token"]}
    response = guide.post(endpoint(guide, "token_endpoint"), body)
    if grant_type in metadata(guide)["grant_types_supported"]:
        assert response.status_code == 200
    else:
        assert refusal_of(response) == (400, "unsupported_grant_type")


def as_method(guide: Guide, method: str) -> tuple[dict[str, str], str]:
    """Return body parameters and Authorization header of a client that authenticates with this method."""
    match method:
        case "client_secret_basic":
            return {}, basic(guide.client.client_id, SECRET)
        case "client_secret_post":
            return {"client_id": guide.client.client_id, "client_secret": SECRET}, ""
        case "none":
            return {"client_id": guide.client.client_id}, ""
        case "private_key_jwt":
            signer = Signer(guide.client.client_id)
            Client.objects.filter(pk=guide.client.pk).update(token_endpoint_auth_method=method, jwks=signer.jwks)
            return signer.proof(), ""
        case "client_secret_jwt":
            return Signer.by_secret(guide.client).proof(), ""
        case _:
            kind = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
            client_id = guide.client.client_id
            return {"client_id": client_id, "client_assertion": "x", "client_assertion_type": kind}, ""


@clause("RFC 8414", "2")
@pytest.mark.parametrize("method", [*METHODS, "saml2_bearer"])
@pytest.mark.parametrize("name", ["token", "revocation"])
def test_a_way_to_authenticate_works_if_it_is_named(guide: Guide, public: PublicGuide, name: str, method: str) -> None:
    """
    token_endpoint_auth_methods_supported and revocation_endpoint_auth_methods_supported have exactly the methods that work.
    """
    who = public if method == "none" else guide
    token = who.tokens()["refresh_token"]
    grant = {"grant_type": "refresh_token", "refresh_token": token} if name == "token" else {"token": token}
    body, authorization = as_method(who, method)
    response = guide.post(endpoint(guide, f"{name}_endpoint"), grant | body, authorization=authorization)
    assert (response.status_code == 200) == (method in metadata(guide)[f"{name}_endpoint_auth_methods_supported"])


@clause("RFC 8414", "2")
@pytest.mark.parametrize("method", ["S256", "plain"])
def test_a_code_challenge_method_works_if_it_is_named(guide: Guide, method: str) -> None:
    """code_challenge_methods_supported has exactly the methods that work."""
    challenge = {"S256": CHALLENGE, "plain": VERIFIER}[method]
    answer = sent_back(guide.answer(**(CHALLENGED | {"code_challenge": challenge, "code_challenge_method": method})))
    works = "code" in answer and guide.exchange(answer["code"], code_verifier=VERIFIER).status_code == 200
    assert works == (method in metadata(guide)["code_challenge_methods_supported"])


@clause("RFC 8414", "2")
def test_userinfo_is_where_it_is_said_to_be(guide: Guide) -> None:
    """userinfo_endpoint is right, and so is authorization_endpoint, which asks for consent."""
    headers = {"Authorization": f"Bearer {guide.tokens()['access_token']}"}
    assert guide.server.get(endpoint(guide, "userinfo_endpoint"), headers=headers).json()["username"] == "alice"
    asked = guide.browser.get(endpoint(guide, "authorization_endpoint"), guide.request())
    assert sent_back(asked)["code"]


@clause("RFC 8414", "3")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_document_is_at_its_well_known_place(guide: Guide, method: str) -> None:
    """
    "Authorization servers supporting metadata MUST make a JSON document containing metadata as specified in Section 2 available
    at a path formed by inserting a well-known URI string into the authorization server's issuer identifier". It is public.
    """
    response = guide.server.generic(method, PATH)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.cookies == {}


@clause("RFC 8414", "3.1")
@pytest.mark.parametrize(
    ("path", "status"), [("/tenant", 200), ("/tenant/a", 404), ("/tenant/", 404), ("/other", 404), ("", 200)]
)
def test_an_issuer_with_a_path_has_its_document_behind_it(
    guide: Guide, settings: Settings, path: str, status: int
) -> None:
    """
    "If the issuer identifier value contains a path component, any terminating "/" MUST be removed before inserting
    "/.well-known/" and the well-known URI suffix between the host component and the path component."
    """
    settings.OAUTH_SERVICE_ISSUER = "https://id.example/tenant"
    response = guide.server.get(PATH + path)
    assert response.status_code == status
    if status == 200:
        assert response.json()["issuer"] == "https://id.example/tenant"


@clause("RFC 8414", "3.1")
def test_an_issuer_without_a_path_has_one_document(guide: Guide) -> None:
    """No other path must return the document of this issuer."""
    assert guide.server.get(f"{PATH}/tenant").status_code == 404


@clause("RFC 8414", "3.2")
def test_members_without_values_are_omitted(guide: Guide) -> None:
    """
    "Claims that return multiple values are represented as JSON arrays. Claims with zero elements MUST be omitted from the
    response."
    """
    document = metadata(guide)
    assert [name for name, value in document.items() if value in ([], "", None)] == []
    several = [name for name in document if name.endswith("s_supported")]
    assert (len(several), {type(document[name]) for name in several}) == (9, {list})


@clause("RFC 8414", "3.3")
def test_the_issuer_is_the_same_wherever_it_stands(guide: Guide, settings: Settings) -> None:
    """
    "The "issuer" value returned MUST be identical to the authorization server's issuer identifier value into which the
    well-known URI string was inserted". The authorization endpoint returns the same one, character by character.
    """
    for issuer in ("http://localhost:8000", "https://id.example"):
        settings.OAUTH_SERVICE_ISSUER = issuer
        assert metadata(guide)["issuer"] == sent_back(guide.answer())["iss"] == issuer


@clause("RFC 8414", "2")
def test_no_client_is_needed_to_read_it(guide: Guide) -> None:
    """The document is for clients that still have to configure themselves."""
    Client.objects.all().delete()
    assert guide.server.get(PATH).status_code == 200
