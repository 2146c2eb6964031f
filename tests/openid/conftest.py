"""An OpenID Provider, a client that knows only its discovery document, and a user's browser."""

import html
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from joserfc import jwt
from joserfc.jwk import KeySet
from pytest_django import Settings

from oauth_service.models import Client
from tests.actors import FORM, through_the_entry

SCOPES = {
    "openid": "Know who you are",
    "profile": "Your name",
    "email": "Your e-mail address",
    "address": "Your postal address",
    "phone": "Your telephone number",
    "offline_access": "Stay connected while you are away",
    "user": "Your username and e-mail address",
}
CALLBACK = "https://rp.example/callback"
SECRET = "a secret that a person chose"


@dataclass
class RelyingParty:
    """A client, the browser of its user, and their actions."""

    client: Client
    user: User
    browser: Browser = field(default_factory=through_the_entry)
    server: Browser = field(default_factory=through_the_entry)

    def request(self, **changes: str) -> dict[str, str]:
        """Return an authentication request, without the parameters that are changed to ""."""
        parameters = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "st",
            "nonce": "n-0S6_WzA2Mj",
        } | changes
        return {name: value for name, value in parameters.items() if value}

    def ask(self, **changes: str) -> Any:
        """Send GET /authorise/."""
        return self.browser.get("/authorise/", self.request(**changes))

    def sign_in(self, location: str = "/login/") -> Any:
        """Submit the form of the login page that a redirect led to."""
        credentials = {"username": self.user.username, "password": "wonderland"}
        return self.browser.post(location, urlencode(credentials), content_type=FORM)

    def allow(self, page: Any) -> Any:
        """Press Allow on a consent page."""
        return self.browser.post("/authorise/", urlencode(hidden_fields(page)), content_type=FORM)

    def connect(self, **changes: str) -> dict[str, str]:
        """
        Go the user's whole way, over login and consent if they come. Return what arrives at the client's callback.
        """
        response = self.ask(**changes)
        for _step in range(8):
            if response.status_code == 200:
                response = self.allow(response)
            elif response["Location"].startswith("/login/"):
                response = self.sign_in(response["Location"])
            elif response["Location"].startswith("/"):
                response = self.browser.get(response["Location"])
            else:
                return answer_of(response)
        raise AssertionError("the person walks in circles")

    def exchange(self, code: str, **changes: str) -> Any:
        """Send POST /token/ with a code."""
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            **self.credentials,
        } | changes
        return self.server.post("/token/", urlencode(body), content_type=FORM)

    def refresh(self, refresh_token: str, **changes: str) -> Any:
        """Send POST /token/ with a refresh token."""
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token, **self.credentials} | changes
        return self.server.post("/token/", urlencode(body), content_type=FORM)

    def tokens(self, **changes: str) -> dict[str, Any]:
        """Connect, and exchange the code."""
        response = self.exchange(self.connect(**changes)["code"])
        assert response.status_code == 200, response.content
        members: dict[str, Any] = response.json()
        return members

    def userinfo(self, access_token: str) -> Any:
        """Send GET /userinfo/."""
        return self.server.get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})

    @property
    def credentials(self) -> dict[str, str]:
        """The credentials of the client."""
        return {"client_id": self.client.client_id, "client_secret": SECRET}

    def claims(self, token: str, **header: str) -> dict[str, Any]:
        """Return the claims of a JWT after verifying its signature by the published keys."""
        key_set = KeySet.import_key_set(self.server.get("/jwks/").json())
        decoded = jwt.decode(token, key_set, algorithms=["RS256", "ES256", "PS256", "EdDSA"])
        assert {name: decoded.header.get(name) for name in header} == header
        return dict(decoded.claims)


def hidden_fields(page: Any) -> dict[str, str]:
    """Return the hidden fields of the decision on a consent page."""
    form = page.content.decode().rpartition("<form")[2]
    found = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', form)
    fields = {name: html.unescape(value) for name, value in found}
    ticked = re.findall(
        r'<input type="checkbox"\s+form="decision"\s+name="allow_scope"\s+value="([^"]*)"[^>]*\schecked',
        page.content.decode(),
    )
    return fields | ({"allow_scope": " ".join([*fields.get("allow_scope", "").split(), *ticked])} if ticked else {})


def answer_of(response: Any) -> dict[str, str]:
    """Return the query parameters of an answer to the client."""
    url = urlsplit(response["Location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == CALLBACK
    return {name: value for name, [value] in parse_qs(url.query).items()}


@pytest.fixture
def provider(settings: Settings) -> Settings:
    """This server with OpenID Connect switched on."""
    settings.OAUTH_SERVICE_SCOPES = SCOPES
    settings.OAUTH_SERVICE_ISSUER = "https://id.example"
    return settings


@pytest.fixture
def rp(provider: Settings, alice: User) -> RelyingParty:
    """A confidential client without PKCE, which is common."""
    client = Client(
        client_id="rp",
        name="Relying Party",
        redirect_uris=CALLBACK,
        scope=" ".join(SCOPES),
        requires_pkce=False,
    )
    client.choose_secret(SECRET)
    client.save()
    return RelyingParty(client, alice)
