"""Client ID Metadata Document, draft-ietf-oauth-client-id-metadata-document."""

from typing import Any

import pytest
from django.test import Client as Browser

from oauth_service.models import Client
from oauth_service.protocol import client_id_metadata_document as rules
from tests.assertions import Signer
from tests.clauses import clause
from tests.client_documents.actors import App
from tests.client_documents.conftest import app, documents_are_on, origin, signed_in
from tests.client_documents.origin import CALLBACK, URL

__all__ = ["app", "documents_are_on", "origin", "signed_in"]


@clause("Client ID Metadata Document", "3")
@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://app.example/",
        "https://app.example:8443/c",
        "https://app.example/c?v=1",
        "https://app.example/.well-known/c",
        "https://xn--bcher-kva.example/c",
        "https://[2001:db8::1]/c",
        "https://app.example/a//b...c/%41",
    ],
)
def test_what_can_be_a_client_id(url: str) -> None:
    """A URL may have a port. It may have a query, too, although it should not."""
    assert rules.fault_of_url(url) == ""


@clause("Client ID Metadata Document", "3")
@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/c",
        "https://app.example",
        "https://app.example?c",
        "https://app.example/c#f",
        "https://app.example/c#",
        "https://user@app.example/c",
        "https://user:pw@app.example/c",
        "https://@app.example/c",
        "https://app.example/./c",
        "https://app.example/a/../c",
        "https://app.example/..",
        "https://app.example/%2e%2E/c",
        "https://app.example/%2e",
        "https:///c",
        "https://app.example:/c",
        "https://app.example:0/c",
        "https://APP.example/c",
        "https://app.example./c",
        "https://.app.example/c",
        "https://app..example/c",
        "https://b\u00fccher.example/c",
        "https://app.example/\u00fc",
        "https://app.example\\@evil.example/c",
        "https://app.example/c d",
        "https://app.example/c\n",
        "https://app.example/" + "c" * 231,
    ],
)
def test_what_cannot_be_a_client_id(app: App, url: str) -> None:
    """The user gets an error page, and nothing is fetched."""
    assert rules.fault_of_url(url)
    app.origin.publish(url)
    assert app.ask(client_id=url).status_code == 400
    assert (app.origin.urls, Client.objects.count()) == ([], 0)


@clause("Client ID Metadata Document", "4")
@pytest.mark.parametrize(
    "named",
    [
        None,
        "",
        "presc_man_123",
        f"{URL}/",
        f"{URL}?",
        "https://app.example:443/oauth/client.json",
        URL.upper(),
        [URL],
        1,
    ],
)
def test_the_document_names_its_own_url_byte_for_byte(app: App, named: Any) -> None:
    """ "comparisons MUST be made using simple string comparison"."""
    app.origin.publish(client_id=named)
    assert app.ask().status_code == 400
    assert (app.origin.urls, Client.objects.count()) == ([URL], 0)


@clause("Client ID Metadata Document", "4")
@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b"<html>", b"\xff{}", b"null", b'{"client_id": NaN}'])
def test_a_document_is_a_json_object(app: App, body: bytes) -> None:
    """No other document introduces a client."""
    app.origin.answer(body)
    assert app.ask().status_code == 400
    assert Client.objects.count() == 0


@clause("Client ID Metadata Document", "4.1")
@pytest.mark.parametrize(
    "members",
    [
        *({"token_endpoint_auth_method": f"client_secret_{name}"} for name in ("basic", "post", "jwt")),
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"client_secret": "s3cret"},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"jwks": {"keys": [{"kty": "EC", "d": "cHJpdmF0ZQ"}]}},
    ],
    ids=str,
)
def test_no_secret_stands_in_a_document(app: App, members: dict[str, Any]) -> None:
    """Public information proves nothing. A private key is refused, too, and so is a method without a key."""
    app.origin.publish(**members)
    assert app.ask().status_code == 400
    assert Client.objects.count() == 0


@clause("Client ID Metadata Document", "4.1")
def test_without_a_method_it_is_a_public_client(app: App) -> None:
    """The default of RFC 7591 is a secret, which a document cannot have."""
    app.origin.publish(token_endpoint_auth_method=None)
    app.page()
    assert app.client.is_public


@clause("Client ID Metadata Document", "4.2")
@pytest.mark.parametrize(
    "uri", [f"{CALLBACK}/", f"{CALLBACK}?a=b", "https://app.example:443/callback", "https://evil.example/"]
)
def test_a_redirect_uri_is_one_of_the_document(app: App, uri: str) -> None:
    """ "an exact match, using simple string comparison"."""
    app.redirect_uri = uri
    answer = app.ask()
    assert (answer.status_code, "Location" in answer) == (400, False)


@clause("Client ID Metadata Document", "5")
@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 401, 403, 404, 410, 429, 500, 503])
def test_every_other_status_is_an_error(app: App, status: int) -> None:
    """ "The authorization server MUST treat all other HTTP status codes as an error response"; no redirect is followed."""
    found = app.origin.answers[URL]
    app.origin.publish("https://app.example/other")
    app.origin.answer(found.body, status=status, headers={"location": "https://app.example/other"})
    assert app.ask().status_code == 400
    assert app.origin.urls == [URL]


@clause("Client ID Metadata Document", "6")
@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
def test_the_metadata_says_so(documents_are_on: None, path: str, settings: Any) -> None:
    """Otherwise no client would try."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Sign in"}
    assert Browser().get(path).json()["client_id_metadata_document_supported"] is True


@clause("Client ID Metadata Document", "8.2")
def test_a_client_with_a_key_must_use_it(app: App) -> None:
    """ "any communication with the authorization server MUST include client authentication of the registered type"."""
    signer = Signer(URL)
    app.origin.publish(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://app.example/jwks")
    app.origin.answer(signer.jwks.encode(), "https://app.example/jwks")
    exchange = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "code_verifier": "v" * 43,
        "code": app.code(),
    }
    assert app.token(**exchange).status_code == 401
    assert app.token(**exchange, **signer.proof()).status_code == 200


@clause("Client ID Metadata Document", "8.7")
def test_a_document_is_read_up_to_a_size(app: App) -> None:
    """ "stopping after a maximum number of bytes and treating the response as an error"."""
    app.origin.publish(padding="x" * rules.MOST_BYTES)
    assert app.ask().status_code == 400
    assert Client.objects.count() == 0
