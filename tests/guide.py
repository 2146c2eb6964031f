"""Messages of the lifecycle guide, as the tests send them."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client
from tests.actors import (
    FORM,
    JSON,
    REDIRECT_URI,
    SECRET,
    Application,
    Caller,
    Person,
    basic,
    through_the_entry,
)

__all__ = ["FORM", "JSON", "REDIRECT_URI", "SECRET", "Guide", "basic", "query_of", "through_the_entry"]


def query_of(url: str) -> dict[str, str]:
    """Query of a URL; each parameter must occur once."""
    return {name: value for name, [value] in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


@dataclass
class Guide:
    """The guide's nine steps, each sent by its party. Tests change any parameter by its name."""

    alice: User
    client: Client
    browser: Browser = field(default_factory=through_the_entry)
    server: Browser = field(default_factory=through_the_entry)

    @property
    def person(self) -> Person:
        """Alice at her browser."""
        return Person(self.alice, self.browser)

    @property
    def application(self) -> Application:
        """The client application and its backend."""
        return Application(self.client, self.server)

    @property
    def caller(self) -> Caller:
        """The backend as a caller of the API."""
        return Caller(self.server)

    def request(self, **changes: str) -> dict[str, str]:
        """Parameters of step 1; a parameter changed to "" is left out."""
        return self.application.authorization_request(**changes)

    def ask(self, **changes: str) -> Any:
        """Step 1: GET /authorise/ with Alice's session."""
        return self.person.open_authorization(self.request(**changes))

    def answer(self, **changes: str) -> Any:
        """Step 2: POST /authorise/; deny="1" for the Deny button."""
        return self.person.answer_consent(self.request(response_type="", **changes))

    def code(self, **changes: str) -> str:
        """Steps 1 to 3: a new code."""
        return query_of(self.answer(**changes)["Location"])["code"]

    def post(self, path: str, body: dict[str, str], *, as_form: bool = False, authorization: str = "") -> Any:
        """A request of the client's server, JSON as in the guide or a form."""
        return self.application.post(path, body, as_form=as_form, authorization=authorization)

    def exchange(self, code: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Step 4: POST /token/ with a code."""
        return self.application.exchange(code, as_form=as_form, authorization=authorization, **changes)

    def tokens(self, **changes: str) -> dict[str, Any]:
        """Steps 1 to 5: new tokens."""
        response = self.exchange(self.code(**changes))
        assert response.status_code == 200, response.content
        tokens: dict[str, Any] = response.json()
        return tokens

    def refresh(self, refresh_token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Step 7: POST /token/ with a refresh token."""
        return self.application.refresh(refresh_token, as_form=as_form, authorization=authorization, **changes)

    def userinfo(self, access_token: str) -> Any:
        """Step 6: GET /userinfo/."""
        return self.caller.userinfo(access_token)

    def revoke(self, token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Step 9, endpoint 1: POST /oauth/revoke/."""
        return self.application.revoke(token, as_form=as_form, authorization=authorization, **changes)

    def introspect(self, token: str, *, as_form: bool = True, authorization: str = "", **changes: str) -> Any:
        """POST /introspect/, which the guide does not have."""
        return self.application.introspect(token, as_form=as_form, authorization=authorization, **changes)

    def deauthorise(self) -> Any:
        """Step 9, endpoint 2: POST /oauth/deauthorise/ with Alice's session."""
        return self.person.deauthorise(self.client.client_id)

    def is_alive(self, access_token: str) -> bool:
        """True if the server still accepts an access token."""
        return self.caller.is_alive(access_token)
