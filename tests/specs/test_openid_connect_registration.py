"""OpenID Connect Registration: Dynamic Client Registration 1.0."""

import json
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.clients import sector
from oauth_service.models import Document
from oauth_service.outbound import documents
from oauth_service.outbound.documents import DocumentUnavailable
from tests.assertions import Signer
from tests.clauses import clause
from tests.endpoints.page import Page
from tests.registration.actors import CALLBACK, Software
from tests.registration.conftest import is_open, openid, software
from tests.specs.answers import refusal_of

__all__ = ["is_open", "openid", "software"]
pytestmark = pytest.mark.usefixtures("openid")
SECTOR = "https://app.example/sector.json"
OTHER = "https://other.example/callback"


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the URIs that the document at SECTOR lists; no other document is requested."""
    uris = [CALLBACK]

    def read(url: str, *, kind: str, rules: documents.Rules) -> bytes:
        if (url, kind, rules) != (SECTOR, Document.Kind.SECTOR, sector.RULES):
            raise DocumentUnavailable(f"{url}: nothing is there")
        return rules.keep(json.dumps(uris).encode())

    monkeypatch.setattr(documents, "read", read)
    return uris


@clause("OpenID Connect Registration", "2")
@pytest.mark.parametrize(
    ("uris", "expected"),
    [
        (["https://app.example/"], "web"),
        (["https://localhost:8443/callback"], "web"),
        (["http://127.0.0.1/callback"], "native"),
        (["http://[::1]:8000/"], "native"),
        (["http://localhost:1234/"], "native"),
        (["com.example.app:/callback"], "native"),
        (["cursor://anysphere.cursor-mcp/oauth/callback"], "native"),
        (["https://vscode.dev/redirect", "http://127.0.0.1:33418/"], "native"),
    ],
)
def test_where_a_client_runs_is_deduced_from_its_redirect_uris(
    software: Software, uris: list[str], expected: str
) -> None:
    """The default is web; but an address on a device shows that the client is not."""
    assert software.register(redirect_uris=uris)["application_type"] == expected
    assert software.register(redirect_uris=uris, application_type="web")["application_type"] == "web"
    assert software.register(redirect_uris=uris, application_type="toaster")["application_type"] == expected


@clause("OpenID Connect Registration", "2")
@pytest.mark.parametrize(
    ("sent", "registered"),
    [
        ({"id_token_signed_response_alg": "ES256"}, {"id_token_signed_response_alg": "ES256"}),
        ({"id_token_signed_response_alg": "none"}, {"id_token_signed_response_alg": "RS256"}),
        ({"id_token_signed_response_alg": "HS256"}, {"id_token_signed_response_alg": "RS256"}),
        ({}, {"id_token_signed_response_alg": "RS256", "subject_type": "public", "require_auth_time": False}),
        ({"userinfo_signed_response_alg": "RS256"}, {"userinfo_signed_response_alg": "RS256"}),
        ({"userinfo_signed_response_alg": "none"}, {"userinfo_signed_response_alg": None}),
        ({"subject_type": "pairwise"}, {"subject_type": "public"}),
        ({"default_max_age": 3600, "require_auth_time": True}, {"default_max_age": 3600, "require_auth_time": True}),
        ({"default_acr_values": ["1", "2"]}, {"default_acr_values": ["1", "2"]}),
        ({"initiate_login_uri": "https://app.example/in"}, {"initiate_login_uri": "https://app.example/in"}),
        ({"request_uris": ["https://app.example/r"]}, {"request_uris": None}),
        ({"request_object_signing_alg": "none"}, {"request_object_signing_alg": None}),
        ({"token_endpoint_auth_method": "tls_client_auth"}, {"token_endpoint_auth_method": "client_secret_basic"}),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, {"token_endpoint_auth_method": "client_secret_jwt"}),
        ({"token_endpoint_auth_method": "client_secret_post"}, {"token_endpoint_auth_method": "client_secret_post"}),
        (
            {"post_logout_redirect_uris": ["https://app.example/"]},
            {"post_logout_redirect_uris": ["https://app.example/"]},
        ),
        ({"backchannel_logout_uri": "https://app.example/out"}, {"backchannel_logout_uri": "https://app.example/out"}),
        ({"frontchannel_logout_uri": "https://app.example/f"}, {"frontchannel_logout_uri": "https://app.example/f"}),
        ({"jwks_uri": "https://app.example/jwks"}, {"jwks_uri": "https://app.example/jwks"}),
        ({"logo_uri": "https://app.example/l.png"}, {"logo_uri": "https://app.example/l.png"}),
        ({"tos_uri": "https://app.example/t"}, {"tos_uri": "https://app.example/t"}),
    ],
)
def test_the_answer_says_what_was_registered(
    software: Software, sent: dict[str, Any], registered: dict[str, Any]
) -> None:
    """ "The Authorization Server MAY [...] reject or replace" (section 3.1): unsupported values are replaced."""
    said = software.register(**sent)
    assert {name: said.get(name) for name in registered} == registered


@clause("OpenID Connect Registration", "2")
@pytest.mark.parametrize(
    "members",
    [
        {"initiate_login_uri": "http://app.example/in"},
        {"default_max_age": "soon"},
        {"default_max_age": -1},
        {"default_max_age": True},
        {"require_auth_time": 7},
        {"post_logout_redirect_uris": ["javascript:x"]},
        {"backchannel_logout_uri": "https://app.example/#out"},
        {"frontchannel_logout_uri": "https://other.example/out"},
        {"sector_identifier_uri": "http://app.example/sector.json"},
        {"jwks": Signer("x").jwks, "jwks_uri": "https://app.example/jwks"},
    ],
)
def test_what_the_specification_forbids_is_refused(software: Software, members: dict[str, Any]) -> None:
    """ "invalid_client_metadata" (section 3.3)."""
    if "jwks" in members:
        members = members | {"jwks": json.loads(members["jwks"])}
    assert refusal_of(software.refused(**members)) == (400, "invalid_client_metadata")


@clause("OpenID Connect Registration", "2")
def test_a_client_registers_keys_and_signs_with_them(software: Software) -> None:
    """A client with private_key_jwt has no secret."""
    signer = Signer("software")
    said = software.register(token_endpoint_auth_method="private_key_jwt", jwks=json.loads(signer.jwks))
    signer.name = said["client_id"]
    assert {"client_secret", "client_secret_expires_at"} & set(said) == set()
    proof = signer.proof()
    assert software.exchange(client_id="", **proof).json()["error"] == "invalid_grant"


@clause("OpenID Connect Registration", "2")
@pytest.mark.parametrize("tag", ["fr", "de-CH-1996", "ja-Hani-JP"])
def test_languages_are_tags_of_bcp_47(software: Software, tag: str) -> None:
    """Section 2.1 defines the tags; a name without a valid tag is not a translation."""
    said = software.register(**{f"client_name#{tag}": "Nom", "client_name#": "x", "client_name#not a tag": "x"})
    assert {name: said[name] for name in said if "#" in name} == {f"client_name#{tag}": "Nom"}


@clause("OpenID Connect Registration", "2")
@pytest.mark.usefixtures("alice")
def test_people_see_the_pages_and_the_logo_of_a_client_before_they_sign_in(
    browser: Browser, software: Software
) -> None:
    """ "the OP SHOULD display this URL to the End-User if it is given", policy_uri and tos_uri; the image of logo_uri, too."""
    pages = {"policy_uri": "https://app.example/privacy", "tos_uri": "https://app.example/terms"}
    software.register(client_name="Notes", logo_uri="https://app.example/logo.png", **pages)
    asked = {"response_type": "code", "client_id": software.client.client_id, "code_challenge": "A" * 43}
    response = browser.get("/authorise/", asked | {"code_challenge_method": "S256"}, follow=True)
    new_tab = "(opens in a new tab)"
    assert {words: href for words, href in Page(response).links.items() if href in pages.values()} == {
        f"Privacy policy app.example {new_tab}": pages["policy_uri"],
        f"Terms app.example {new_tab}": pages["tos_uri"],
    }
    assert f'src="/oauth/logo/{software.client.client_id}"' in response.content.decode()


@clause("OpenID Connect Registration", "3.2")
def test_a_registration_is_created(software: Software) -> None:
    """ "the server responds with 201 Created"; client_secret_expires_at is 0 for never."""
    response = software.post(redirect_uris=[CALLBACK])
    assert (response.status_code, response.json()["client_secret_expires_at"]) == (201, 0)


@clause("OpenID Connect Registration", "4.2")
def test_what_was_registered_is_read_as_json(software: Software) -> None:
    """The client reads it by GET, with the Registration Access Token as a bearer token."""
    said = software.register()
    response = software.read()
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["client_id"] == said["client_id"]


@clause("OpenID Connect Registration", "5")
def test_a_sector_identifier_lists_the_redirect_uris(software: Software, listed: list[str], settings: Settings) -> None:
    """ "The values registered in redirect_uris MUST be included in the elements of the array, or registration MUST fail"."""
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "p" * 32
    members: dict[str, Any] = {"subject_type": "pairwise", "sector_identifier_uri": SECTOR}
    assert software.register(**members)["subject_type"] == "pairwise"
    two = {**members, "redirect_uris": [CALLBACK, OTHER]}
    assert refusal_of(software.refused(**two)) == (400, "invalid_client_metadata")
    listed.append(OTHER)
    assert software.register(**two)["redirect_uris"] == [CALLBACK, OTHER]
    elsewhere = software.refused(**{**members, "sector_identifier_uri": "https://app.example/none.json"})
    assert refusal_of(elsewhere) == (400, "invalid_client_metadata")


@clause("OpenID Connect Registration", "5")
def test_an_update_is_held_against_the_sector_too(software: Software, listed: list[str], settings: Settings) -> None:
    """A client that was admitted with one redirect URI must not switch to somebody else's."""
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "p" * 32
    members: dict[str, Any] = {"subject_type": "pairwise", "sector_identifier_uri": SECTOR}
    software.register(**members)
    moved = software.replace(**members, redirect_uris=[OTHER])
    assert refusal_of(moved) == (400, "invalid_client_metadata")
