"""A trusted identity provider, and the client that presents its assertions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.models import Client, Consent, TrustedIssuer
from oauth_service.protocol.issuer_jwt import TYPES
from oauth_service.protocol.jwt_bearer import GRANT_TYPE
from tests.actors import FORM, through_the_entry
from tests.assertions import ISSUER, Signer
from tests.guide import SECRET

IDP = "https://idp.example"
USER_FUNCTION = "tests.jwt_bearer.actors.user_of"


def user_of(claims: Mapping[str, Any]) -> User | None:
    """The user of this project that the identity provider names."""
    return User.objects.filter(username=claims["sub"]).first()


def nobody_of(claims: Mapping[str, Any]) -> str:
    """A project's function that returns something other than a user."""
    return str(claims["sub"])


@dataclass
class IdentityProvider(Signer):
    """Signs assertions, which its client presents."""

    client: Client = field(default_factory=Client)
    server: Browser = field(default_factory=through_the_entry)
    credentials: dict[str, str] = field(default_factory=dict)
    audience: str = ISSUER

    def jwt(self, purpose: str = "jwt-bearer", *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A new JWT for a purpose, about Alice."""
        typ = {"typ": TYPES[purpose][0]} | (header or {})
        about = {"sub": "alice", "aud": self.audience, "client_id": self.client.client_id}
        return self.assertion(header=typ, **(about | changes))

    def present(self, assertion: str, **changes: Any) -> Any:
        """POST /token/; parameters that are "" are left out."""
        credentials = self.credentials or {"client_id": self.client.client_id, "client_secret": SECRET}
        form = {"grant_type": GRANT_TYPE, "assertion": assertion, **credentials} | changes
        body = urlencode({name: value for name, value in form.items() if value}, doseq=True)
        return self.server.post("/token/", body, content_type=FORM)

    def tokens(self, purpose: str = "jwt-bearer", **claims: Any) -> dict[str, Any]:
        """The token response for a new JWT."""
        response = self.present(self.jwt(purpose, **claims))
        assert response.status_code == 200, response.content
        members: dict[str, Any] = response.json()
        return members

    def said(self, assertion: str, **changes: Any) -> tuple[int, str, str]:
        """Status, error and description of a refusal."""
        response = self.present(assertion, **changes)
        members = response.json()
        return response.status_code, members.get("error", ""), members.get("error_description", "")

    def userinfo(self, access_token: str) -> int:
        """Status of GET /userinfo/."""
        response = self.server.get("/userinfo/", HTTP_AUTHORIZATION=f"Bearer {access_token}")
        return int(response.status_code)


def trusted(client: Client, **columns: Any) -> IdentityProvider:
    """An identity provider that is trusted for grants that a client presents."""
    idp = IdentityProvider(IDP, client=client)
    registered = {"purposes": "jwt-bearer id-jag", "algorithms": idp.algorithm, "clients": client.client_id} | columns
    TrustedIssuer.objects.create(issuer=IDP, jwks=idp.jwks, **registered)
    client.grant_types += f" {GRANT_TYPE}"
    client.save()
    return idp


def allow(user: User, client: Client, scope: str = "user profile", at: Mapping[str, str] | None = None) -> Consent:
    """Give a user's consent to a client, as on the consent page."""
    return Consent.objects.give(user_id=user.pk, client_pk=client.pk, scope=scope, now=timezone.now(), at=at)
