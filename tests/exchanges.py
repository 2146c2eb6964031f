"""A service that acts for another app's users by token exchange (RFC 8693), and its messages."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.test import Client as Browser

from oauth_service.models import Client
from oauth_service.protocol.token_exchange import ACCESS_TOKEN, GRANT_TYPE
from tests.actors import FORM, SECRET, through_the_entry

SERVICE_ID = "orders"


@dataclass
class Service:
    """A backend that receives an app's tokens and exchanges them."""

    client: Client
    server: Browser = field(default_factory=through_the_entry)

    @property
    def credentials(self) -> dict[str, str]:
        """Credentials of the service."""
        return {"client_id": self.client.client_id, "client_secret": SECRET}

    def exchange(self, subject_token: str, /, **changes: str | list[str]) -> Any:
        """
        POST /token/ by impersonation; a parameter changed to "" is left out, a list is sent as repeated parameters.
        """
        body = {
            "grant_type": GRANT_TYPE,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            **self.credentials,
        } | changes
        sent = {name: value for name, value in body.items() if value}
        return self.server.post("/token/", urlencode(sent, doseq=True), content_type=FORM)

    def delegate(self, subject_token: str, actor_token: str = "", /, **changes: str | list[str]) -> Any:
        """POST /token/ by delegation; without an actor token, the service first gets one of its own."""
        actor = {"actor_token": actor_token or self.own_token(), "actor_token_type": ACCESS_TOKEN}
        return self.exchange(subject_token, **{**actor, **changes})

    def own_token(self) -> str:
        """A token that the service gets for itself."""
        body = {"grant_type": "client_credentials", **self.credentials}
        return str(self.server.post("/token/", urlencode(body), content_type=FORM).json()["access_token"])

    def revoke(self, token: str) -> Any:
        """POST /oauth/revoke/."""
        return self.server.post("/oauth/revoke/", urlencode({"token": token, **self.credentials}), content_type=FORM)

    def userinfo(self, access_token: str) -> Any:
        """GET /userinfo/."""
        return self.server.get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})

    def is_alive(self, access_token: str) -> bool:
        """True if the server still accepts an access token."""
        return bool(self.userinfo(access_token).status_code == 200)


def service_for(app: Client, client_id: str = SERVICE_ID, **columns: Any) -> Service:
    """Register a service that may impersonate and act for the users of an app."""
    chosen = {
        "name": f"The {client_id} service",
        "scope": "user profile",
        "grant_types": f"client_credentials {GRANT_TYPE}",
        "may_impersonate": True,
        "may_delegate": True,
    }
    client = Client(client_id=client_id, **{**chosen, **columns})
    client.choose_secret(SECRET)
    client.save()
    app.exchangeable_by = f"{app.exchangeable_by}\n{client_id}".strip()
    app.save()
    return Service(client)
