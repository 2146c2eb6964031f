"""Values that the server knows, with which random requests get past its first check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client, Resource
from oauth_service.protocol import jwt_bearer, token_exchange
from oauth_service.protocol.device_code import GRANT_TYPE as DEVICE_CODE
from tests.guide import REDIRECT_URI, SECRET, Guide, basic
from tests.jwt_bearer.actors import IdentityProvider, trusted

USES = 4
CSRF = "c" * 32
VERIFIER = "v" * 43
RESOURCE = "https://api.example/fuzz"
GRANTS = {
    "code_grant": "authorization_code",
    "refresh_grant": "refresh_token",
    "own_grant": "client_credentials",
    "device_grant": DEVICE_CODE,
    "exchange_grant": token_exchange.GRANT_TYPE,
    "assertion_grant": jwt_bearer.GRANT_TYPE,
}


@dataclass
class Live:
    """Alice, an app with a secret and one without, and their current tokens and codes."""

    guide: Guide
    public_app: Client
    idp: IdentityProvider
    browser: Browser = field(default_factory=Browser)
    held: dict[str, tuple[str, int]] = field(default_factory=dict)

    def value(self, kind: str) -> str:
        """Return a value of a kind, and renew it now and then. A value that is used up by then is useful, too."""
        text, left = self.held.get(kind, ("", 0))
        if not left:
            text, left = self.values[kind](), USES
        self.held[kind] = text, left - 1
        return text

    def session(self) -> str:
        """A new session of Alice's."""
        self.browser.force_login(self.guide.alice)
        return self.browser.cookies["sessionid"].value

    def refreshed(self) -> dict[str, Any]:
        """Tokens whose refresh token has been used since."""
        tokens = self.guide.tokens()
        self.guide.refresh(tokens["refresh_token"])
        return tokens

    def revoked(self) -> str:
        """A revoked access token."""
        token = str(self.guide.tokens()["access_token"])
        self.guide.revoke(token)
        return token

    def spent(self) -> str:
        """A code that was exchanged."""
        code = self.guide.code()
        self.guide.exchange(code)
        return code

    def own_token(self) -> str:
        """An access token that the app got for itself."""
        form = {"grant_type": "client_credentials", "client_id": self.guide.client.client_id, "client_secret": SECRET}
        return str(Browser().post("/token/", form, content_type="application/json").json()["access_token"])

    def begun(self, member: str) -> str:
        """
        Return a member of the response to a device of the app without a secret, which then waits; "" once too many have
        begun.
        """
        form = {"client_id": self.public_app.client_id}
        answer = Browser().post("/device-authorization/", form, content_type="application/json")
        return str(answer.json().get(member, ""))

    @property
    def values(self) -> dict[str, Callable[[], str]]:
        """Functions that make a value, by the name of its kind."""
        guide = self.guide
        return {
            "nothing": str,
            "session": self.session,
            "confidential": lambda: guide.client.client_id,
            "public": lambda: self.public_app.client_id,
            "secret": lambda: SECRET,
            "redirect_uri": lambda: REDIRECT_URI,
            "loopback": lambda: "http://127.0.0.1:49152/callback",
            "scope": lambda: "user profile",
            "narrow": lambda: "user",
            "response_type": lambda: "code",
            **{kind: partial(str, name) for kind, name in GRANTS.items()},
            "code": guide.code,
            "spent": self.spent,
            "access": lambda: str(guide.tokens()["access_token"]),
            "refresh": lambda: str(guide.tokens()["refresh_token"]),
            "replaced": lambda: str(self.refreshed()["refresh_token"]),
            "revoked": self.revoked,
            "csrf": lambda: CSRF,
            "username": lambda: guide.alice.get_username(),
            "password": lambda: "wonderland",
            "login": lambda: "/login/",
            "authorise": lambda: "/authorise/?response_type=code&client_id=presc_man_123",
            "deny": lambda: "1",
            "challenge": lambda: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "S256": lambda: "S256",
            "own": self.own_token,
            "device_code": lambda: self.begun("device_code"),
            "user_code": lambda: self.begun("user_code"),
            "assertion": self.idp.jwt,
            "id_jag": lambda: self.idp.jwt("id-jag"),
            "subject_jwt": lambda: self.idp.jwt("token-exchange"),
            "type_of_access": lambda: token_exchange.ACCESS_TOKEN,
            "type_of_jwt": lambda: token_exchange.JWT,
            "resource": lambda: RESOURCE,
        }


# The kinds of values that fit each parameter.
FITTING: dict[str, tuple[str, ...]] = {
    "client_id": ("confidential", "public"),
    "client_secret": ("secret", "nothing"),
    "redirect_uri": ("redirect_uri", "loopback", "nothing"),
    "scope": ("scope", "narrow", "nothing"),
    "response_type": ("response_type", "nothing"),
    "grant_type": tuple(GRANTS),
    "code": ("code", "spent", "refresh"),
    "refresh_token": ("refresh", "replaced", "access"),
    "token": ("access", "refresh", "revoked", "code", "own"),
    "code_challenge": ("challenge", "nothing"),
    "code_challenge_method": ("S256", "nothing"),
    "csrfmiddlewaretoken": ("csrf",),
    "username": ("username",),
    "password": ("password",),
    "next": ("login", "authorise", "nothing"),
    "deny": ("deny", "nothing"),
    "allow": ("deny", "nothing"),
    "user_code": ("user_code", "nothing"),
    "device_code": ("device_code", "code"),
    "assertion": ("assertion", "id_jag", "access"),
    "subject_token": ("access", "own", "subject_jwt", "revoked"),
    "subject_token_type": ("type_of_access", "type_of_jwt"),
    "actor_token": ("nothing", "own", "access"),
    "actor_token_type": ("nothing", "type_of_access"),
    "requested_token_type": ("nothing", "type_of_access"),
    "resource": ("nothing", "resource"),
}
AUTHORIZATIONS = ("as it is", "basic", "bearer", "revoked bearer")


def authorization(live: Live, kind: str) -> str:
    """An Authorization header of a kind."""
    if kind == "basic":
        return basic(live.guide.client.client_id, SECRET)
    return f"Bearer {live.value('access' if kind == 'bearer' else 'revoked')}"


def cast(alice: User, confidential: Client, public: Client) -> Live:
    """The users and apps of a run, and a trusted issuer; each app has all grant types that it can have."""
    Resource.objects.create(identifier=RESOURCE, name="API", is_for_all=True)
    confidential.grant_types = " ".join(GRANTS.values())
    confidential.may_impersonate = confidential.may_delegate = True
    public.grant_types += f" {DEVICE_CODE}"
    public.save()
    idp = trusted(confidential, purposes="jwt-bearer id-jag token-exchange")
    return Live(guide=Guide(alice=alice, client=confidential), public_app=public, idp=idp)
