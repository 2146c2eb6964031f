"""A program that registers itself and manages its registration."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client as Browser

from oauth_service.models import Client
from tests.guide import JSON, through_the_entry

CALLBACK = "https://app.example/callback"


@dataclass
class Software:
    """A program that sends requests to /register/ and remembers the last response."""

    program: Browser = field(default_factory=through_the_entry)
    answer: dict[str, Any] = field(default_factory=dict)

    def post(self, *, token: str = "", **members: Any) -> Any:
        """Send POST /register/ with exactly these members."""
        return self.send("post", "/register/", members, token=token)

    def register(self, *, token: str = "", **members: Any) -> dict[str, Any]:
        """Register with a redirect URI, and return the response."""
        response = self.post(token=token, **{"redirect_uris": [CALLBACK], **members})
        assert response.status_code == 201, response.content
        self.answer = response.json()
        return self.answer

    def refused(self, *, token: str = "", **members: Any) -> Any:
        """Return the response to a refused registration, after checking that nothing was registered."""
        before = Client.objects.count()
        response = self.post(token=token, **{"redirect_uris": [CALLBACK], **members})
        assert Client.objects.count() == before
        return response

    def exchange(self, **changes: str) -> Any:
        """Send POST /token/ with an unknown code: the error is invalid_client if the client is not authenticated."""
        body = {
            "grant_type": "authorization_code",
            "code": "AC_unknown",
            "redirect_uri": CALLBACK,
            "client_id": self.answer["client_id"],
            "client_secret": self.answer.get("client_secret", ""),
        } | changes
        return self.program.post("/token/", {name: value for name, value in body.items() if value}, content_type=JSON)

    @property
    def client(self) -> Client:
        """The client that was registered last."""
        return Client.objects.get(client_id=self.answer["client_id"])

    def read(self, *, token: str | None = None) -> Any:
        """Read the registration (GET)."""
        return self.send("get", self.path, None, token=self._own(token))

    def replace(self, *, token: str | None = None, **members: Any) -> Any:
        """Replace the registration (PUT)."""
        sent = {"client_id": self.answer["client_id"], "redirect_uris": [CALLBACK], **members}
        return self.send("put", self.path, sent, token=self._own(token))

    def delete(self, *, token: str | None = None) -> Any:
        """Delete the registration (DELETE)."""
        return self.send("delete", self.path, None, token=self._own(token))

    @property
    def path(self) -> str:
        """The path of the registration_client_uri."""
        return str(self.answer["registration_client_uri"]).removeprefix("http://localhost:8000")

    def send(self, method: str, path: str, members: Any, *, token: str = "", **headers: str) -> Any:
        """Send a request as the program would."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = b"" if members is None else json.dumps(members).encode()
        send = getattr(self.program, method)
        return send(path, headers=headers) if members is None else send(path, body, content_type=JSON, headers=headers)

    def _own(self, token: str | None) -> str:
        return self.answer["registration_access_token"] if token is None else token
