"""An app whose client_id is the URL of its document."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.test import Client as Browser

from oauth_service.models import Client, Registration
from oauth_service.protocol import pkce
from tests.actors import FORM
from tests.client_documents.origin import CALLBACK, URL, Origin
from tests.guide import JSON, query_of, through_the_entry
from tests.openid.conftest import hidden_fields

VERIFIER = "v" * 43


@dataclass
class App:
    """The app, and a user's browser."""

    origin: Origin
    browser: Browser
    client_id: str = URL
    redirect_uri: str = CALLBACK
    program: Browser = field(default_factory=through_the_entry)

    def ask(self, **changes: str) -> Any:
        """Send an authorization request (GET)."""
        request = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": "st",
            "code_challenge": pkce.challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        } | changes
        return self.browser.get("/authorise/", {name: value for name, value in request.items() if value})

    def page(self, **changes: str) -> str:
        """Return the consent page."""
        response = self.ask(**changes)
        assert response.status_code == 200, response.content
        return str(response.content.decode())

    def code(self, **changes: str) -> str:
        """Allow the app as the user, and return the code."""
        page = self.ask(**changes)
        if page.status_code == 302:  # the user allowed it before
            return query_of(page["Location"])["code"]
        assert page.status_code == 200, page.content
        answered = self.browser.post("/authorise/", urlencode(hidden_fields(page)), content_type=FORM)
        return query_of(answered["Location"])["code"]

    def token(self, **body: str) -> Any:
        """Send POST /token/."""
        sent = {"client_id": self.client_id} | body
        return self.program.post("/token/", sent, content_type=JSON)

    def connect(self, **changes: str) -> dict[str, Any]:
        """Allow the app as the user, exchange the code and return the tokens."""
        exchange = {"grant_type": "authorization_code", "redirect_uri": self.redirect_uri, "code_verifier": VERIFIER}
        answer = self.token(code=self.code(**changes), **exchange)
        assert answer.status_code == 200, answer.content
        tokens: dict[str, Any] = answer.json()
        return tokens

    def refresh(self, tokens: dict[str, Any]) -> Any:
        """Send POST /token/ with the refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def revoke(self, tokens: dict[str, Any]) -> Any:
        """Send POST /oauth/revoke/ with the refresh token."""
        sent = {"client_id": self.client_id, "token": tokens["refresh_token"]}
        return self.program.post("/oauth/revoke/", sent, content_type=JSON)

    def opens(self, tokens: dict[str, Any]) -> bool:
        """Return whether the access token opens a guarded view."""
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        return bool(self.program.get("/userinfo/", headers=header).status_code == 200)

    @property
    def client(self) -> Client:
        """The client's row."""
        return Client.objects.get(client_id=self.client_id)

    @property
    def registration(self) -> Registration:
        """The client's registration."""
        return Registration.objects.select_related("client").get(client__client_id=self.client_id)
