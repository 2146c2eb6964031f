"""The parties of the lifecycle guide: a user with a browser, a client application, and a caller of the API."""

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client
from tests.entry import Program

REDIRECT_URI = "http://127.0.0.1:5000/callback"
SECRET = "ITS_A_VERY_SECRET_KEY"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def basic(client_id: str, secret: str) -> str:
    """An Authorization header for HTTP Basic."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def through_the_entry() -> Browser:
    """
    Django's test client; with TEST_ENTRY=direct its requests go through oauth_service.wsgi, as those of `make serve`
    do.
    """
    return Program() if os.environ.get("TEST_ENTRY") == "direct" else Browser()


def without_empty(parameters: dict[str, str]) -> dict[str, str]:
    """Parameters that have a value; a test leaves one out by changing it to ""."""
    return {name: value for name, value in parameters.items() if value}


@dataclass
class Person:
    """A user of the server, and the browser in which they are signed in."""

    user: User
    browser: Browser = field(default_factory=through_the_entry)

    def open_authorization(self, request: dict[str, str]) -> Any:
        """GET /authorise/ with an authorization request."""
        self.browser.force_login(self.user)
        return self.browser.get("/authorise/", request)

    def answer_consent(self, form: dict[str, str]) -> Any:
        """POST /authorise/, the form of the consent page; deny="1" for the Deny button."""
        self.browser.force_login(self.user)
        return self.browser.post("/authorise/", urlencode(form), content_type=FORM)

    def deauthorise(self, client_id: str) -> Any:
        """POST /oauth/deauthorise/, the button Revoke Access."""
        self.browser.force_login(self.user)
        return self.browser.post("/oauth/deauthorise/", urlencode({"client_id": client_id}), content_type=FORM)


@dataclass
class Application:
    """A registered client application: its authorization requests, and the messages of its backend."""

    client: Client
    server: Browser = field(default_factory=through_the_entry)

    def authorization_request(self, **changes: str) -> dict[str, str]:
        """Parameters of an authorization request; a parameter changed to "" is left out."""
        parameters = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": "user profile",
            "state": "xyzABC123",
        } | changes
        return without_empty(parameters)

    def post(self, path: str, body: dict[str, str], *, as_form: bool = False, authorization: str = "") -> Any:
        """A request of the backend, JSON as in the guide or a form."""
        content_type, data = (FORM, urlencode(body)) if as_form else (JSON, json.dumps(body))
        headers = {"Authorization": authorization} if authorization else {}
        return self.server.post(path, data, content_type=content_type, headers=headers)

    def exchange(self, code: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """POST /token/ with a code."""
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "client_id": self.client.client_id,
            "client_secret": SECRET,
        } | changes
        return self.post("/token/", without_empty(body), as_form=as_form, authorization=authorization)

    def refresh(self, refresh_token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """POST /token/ with a refresh token."""
        body = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.client.client_id,
            "client_secret": SECRET,
        } | changes
        return self.post("/token/", without_empty(body), as_form=as_form, authorization=authorization)

    def revoke(self, token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """POST /oauth/revoke/."""
        body = {"token": token, "client_id": self.client.client_id, "client_secret": SECRET} | changes
        return self.post("/oauth/revoke/", without_empty(body), as_form=as_form, authorization=authorization)

    def introspect(self, token: str, *, as_form: bool = True, authorization: str = "", **changes: str) -> Any:
        """POST /introspect/."""
        body = {"token": token, "client_id": self.client.client_id, "client_secret": SECRET} | changes
        return self.post("/introspect/", without_empty(body), as_form=as_form, authorization=authorization)


@dataclass
class Caller:
    """A holder of an access token who calls the API."""

    server: Browser = field(default_factory=through_the_entry)

    def userinfo(self, access_token: str) -> Any:
        """GET /userinfo/."""
        return self.server.get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})

    def is_alive(self, access_token: str) -> bool:
        """True if the server still accepts an access token."""
        status = self.userinfo(access_token).status_code
        assert status in (200, 401)
        return bool(status == 200)
