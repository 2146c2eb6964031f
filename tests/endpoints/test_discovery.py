"""/.well-known/oauth-authorization-server: the document is true, and everything in it can be used."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from tests.guide import Guide

PATH = "/.well-known/oauth-authorization-server"


def document(browser: Browser, **extra: Any) -> dict[str, Any]:
    """Return the metadata document."""
    found: dict[str, Any] = browser.get(PATH, **extra).json()
    return found


def test_every_address_that_it_names_answers(browser: Browser, db: None) -> None:
    """A 400, 401 or 405 shows that the endpoint exists; a 404 would not."""
    addresses = {name: url for name, url in document(browser).items() if name.endswith("_endpoint")}
    statuses = {name: browser.get(urlsplit(url).path).status_code for name, url in addresses.items()}
    assert statuses == {
        "authorization_endpoint": 400,
        "token_endpoint": 405,
        "userinfo_endpoint": 401,
        "revocation_endpoint": 405,
    }


def test_a_client_that_goes_by_it_alone_gets_its_tokens(guide: Guide) -> None:
    """The lifecycle works by this document alone, so each member that it uses is true."""
    said = document(guide.browser)
    assert "code" in said["response_types_supported"]
    code = guide.code(scope=" ".join(said["scopes_supported"]))
    assert said["grant_types_supported"][:2] == ["authorization_code", "refresh_token"]
    body = {"grant_type": said["grant_types_supported"][0], "code": code}
    credentials = {"client_id": "presc_man_123", "client_secret": "ITS_A_VERY_SECRET_KEY"}
    where = urlsplit(said["token_endpoint"]).path
    tokens = guide.post(where, body | credentials | {"redirect_uri": "http://127.0.0.1:5000/callback"}).json()
    assert tokens["scope"] == "user profile"


def test_the_scopes_are_the_hosts(browser: Browser, settings: Settings) -> None:
    """OAUTH_SERVICE_SCOPES has words for users and names for programs."""
    settings.OAUTH_SERVICE_SCOPES = {"hats": "Your hat size"}
    assert document(browser)["scopes_supported"] == ["hats"]


def test_without_an_issuer_set_it_is_the_address_asked(browser: Browser, settings: Settings) -> None:
    """The address is enough for a first run; `check --deploy` asks for the setting."""
    settings.OAUTH_SERVICE_ISSUER = ""
    said = document(browser, headers={"Host": "localhost"})
    assert (said["issuer"], said["token_endpoint"]) == ("http://localhost", "http://localhost/token/")


def test_an_issuer_that_is_set_is_believed_over_the_address_asked(browser: Browser, settings: Settings) -> None:
    """Behind a proxy the two differ, and clients compare the issuer character by character (RFC 8414 section 3.3)."""
    settings.OAUTH_SERVICE_ISSUER = "https://id.example"
    said = document(browser)
    assert (said["issuer"], said["token_endpoint"]) == ("https://id.example", "https://id.example/token/")


def test_a_host_that_is_not_ours_is_not_repeated(browser: Browser, settings: Settings) -> None:
    """Without ALLOWED_HOSTS a forged Host header would end up in caches as our address."""
    settings.OAUTH_SERVICE_ISSUER = ""
    response = browser.get(PATH, headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert b"evil.example" not in response.content


def test_it_may_be_kept_for_a_while_and_read_from_anywhere(browser: Browser) -> None:
    """The document is public, and single-page apps read it, too."""
    headers = browser.get(PATH).headers
    assert (headers["Cache-Control"], headers["Access-Control-Allow-Origin"]) == ("public, max-age=300", "*")
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_cannot_be_written_to(browser: Browser, method: str) -> None:
    """The 405 response lists the allowed methods."""
    response = getattr(browser, method)(PATH)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
