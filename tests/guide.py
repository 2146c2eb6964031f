"""The messages of the lifecycle guide, as the tests send them."""

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client
from tests.entry import Program

REDIRECT_URI = "http://127.0.0.1:5000/callback"
SECRET = "ITS_A_VERY_SECRET_KEY"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def query_of(url: str) -> dict[str, str]:
    """The query of a URL; each parameter must be there once."""
    return {name: value for name, [value] in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def basic(client_id: str, secret: str) -> str:
    """An Authorization header for HTTP Basic."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def through_the_entry() -> Browser:
    """What a test sends with; with TEST_ENTRY=direct through oauth_service.wsgi, as SERVE_DIRECT=1 does."""
    return Program() if os.environ.get("TEST_ENTRY") == "direct" else Browser()


@dataclass
class Guide:
    """Alice's browser and the client's server, sending what the guide says; anything can be overridden by name."""

    alice: User
    client: Client
    browser: Browser = field(default_factory=through_the_entry)
    server: Browser = field(default_factory=through_the_entry)

    def request(self, **changes: str) -> dict[str, str]:
        """The parameters of step 1; a parameter changed to "" is left out."""
        parameters = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": "user profile",
            "state": "xyzABC123",
        } | changes
        return {name: value for name, value in parameters.items() if value}

    def ask(self, **changes: str) -> Any:
        """Step 1: GET /authorise/ with Alice's session."""
        self.browser.force_login(self.alice)
        return self.browser.get("/authorise/", self.request(**changes))

    def answer(self, **changes: str) -> Any:
        """Step 2: POST /authorise/; deny="1" for the Deny button."""
        self.browser.force_login(self.alice)
        form = self.request(response_type="", **changes)
        return self.browser.post("/authorise/", urlencode(form), content_type=FORM)

    def code(self, **changes: str) -> str:
        """Steps 1 to 3: a fresh code."""
        return query_of(self.answer(**changes)["Location"])["code"]

    def post(self, path: str, body: dict[str, str], *, as_form: bool = False, authorization: str = "") -> Any:
        """A request of the client's server, JSON as in the guide or a form."""
        content_type, data = (FORM, urlencode(body)) if as_form else (JSON, json.dumps(body))
        headers = {"Authorization": authorization} if authorization else {}
        return self.server.post(path, data, content_type=content_type, headers=headers)

    def exchange(self, code: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Step 4: POST /token/ with a code."""
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "client_id": self.client.client_id,
            "client_secret": SECRET,
        } | changes
        body = {name: value for name, value in body.items() if value}
        return self.post("/token/", body, as_form=as_form, authorization=authorization)

    def tokens(self, **changes: str) -> dict[str, Any]:
        """Steps 1 to 5: fresh tokens."""
        response = self.exchange(self.code(**changes))
        assert response.status_code == 200, response.content
        tokens: dict[str, Any] = response.json()
        return tokens

    def refresh(self, refresh_token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Step 7: POST /token/ with a refresh token."""
        body = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.client.client_id,
            "client_secret": SECRET,
        } | changes
        body = {name: value for name, value in body.items() if value}
        return self.post("/token/", body, as_form=as_form, authorization=authorization)

    def userinfo(self, access_token: str) -> Any:
        """Step 6: GET /userinfo/."""
        return self.server.get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})

    def revoke(self, token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Step 9, endpoint 1: POST /oauth/revoke/."""
        body = {"token": token, "client_id": self.client.client_id, "client_secret": SECRET} | changes
        body = {name: value for name, value in body.items() if value}
        return self.post("/oauth/revoke/", body, as_form=as_form, authorization=authorization)

    def deauthorise(self) -> Any:
        """Step 9, endpoint 2: POST /oauth/deauthorise/ with Alice's session."""
        self.browser.force_login(self.alice)
        form = urlencode({"client_id": self.client.client_id})
        return self.browser.post("/oauth/deauthorise/", form, content_type=FORM)

    def is_alive(self, access_token: str) -> bool:
        """Whether the server still accepts an access token."""
        status = self.userinfo(access_token).status_code
        assert status in (200, 401)
        return bool(status == 200)
