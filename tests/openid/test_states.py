"""
Every grant type, and the use of an access token, crossed with every state that what it hangs on can be in.

A grant type that is added without a way to play it here fails the first test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.grant_types import GRANT_TYPES
from oauth_service.models import Client, Consent, Resource, SigningKey, TrustedIssuer
from oauth_service.protocol import jwt_bearer, token_exchange
from oauth_service.protocol.device_code import GRANT_TYPE
from oauth_service.testing import forget_everything
from oauth_service.tokens import keys
from tests.actors import FORM
from tests.device.actors import Device, Visitor
from tests.exchanges import Service, service_for
from tests.grant_types.test_resources import ORDERS, status_at
from tests.jwt_bearer.actors import USER_FUNCTION, IdentityProvider, trusted
from tests.openid.conftest import RelyingParty

pytestmark = pytest.mark.urls("tests.grant_types.test_resources")

USE = "use of an access token"
OWN = "client_credentials"
USE_OF_OWN = "use of a client's own token"
USE_OF_EXCHANGED = "use of an exchanged token"
EXCHANGES = (token_exchange.GRANT_TYPE, USE_OF_EXCHANGED)
AT_A_RESOURCE = " at a resource"
USE_OF_VOUCHED = "use of the token of a trusted issuer's user"


@dataclass
class Held:
    """What a client holds when the state changes."""

    rp: RelyingParty
    code: str
    tokens: dict[str, Any]
    own_token: str
    service: Service
    exchanged: str
    settings: Settings
    device: Device
    device_code: str
    code_of_resource: str
    tokens_of_resource: dict[str, Any]
    own_token_of_resource: str
    idp: IdentityProvider
    vouched_token: str


def _exchange(held: Held) -> int:
    return int(held.rp.exchange(held.code).status_code)


def _exchange_at_resource(held: Held) -> int:
    return int(held.rp.exchange(held.code_of_resource).status_code)


def _refresh_at_resource(held: Held) -> int:
    return int(held.rp.refresh(held.tokens_of_resource["refresh_token"]).status_code)


def _use_at_resource(held: Held) -> int:
    return status_at("/orders/", held.tokens_of_resource["access_token"])


def _refresh(held: Held) -> int:
    return int(held.rp.refresh(held.tokens["refresh_token"]).status_code)


def _use(held: Held) -> int:
    return int(held.rp.userinfo(held.tokens["access_token"]).status_code)


def _own_token(rp: RelyingParty, **changes: str) -> Any:
    form = {"grant_type": "client_credentials", "scope": "profile", **rp.credentials, **changes}
    return rp.server.post("/token/", urlencode(form), content_type=FORM)


def _own(held: Held) -> int:
    return int(_own_token(held.rp).status_code)


def _own_at_resource(held: Held) -> int:
    return int(_own_token(held.rp, resource=ORDERS).status_code)


def _use_of_own_at_resource(held: Held) -> int:
    return status_at("/orders/", held.own_token_of_resource)


def _use_of_own(held: Held) -> int:
    """Revocation is no use of it; a guarded view is. 403 tells that the token itself is good."""
    status = int(held.rp.userinfo(held.own_token).status_code)
    return 200 if status == 403 else status


def _poll(held: Held) -> int:
    return int(held.device.poll(held.device_code).status_code)


def _token_exchange(held: Held) -> int:
    return int(held.service.exchange(held.tokens["access_token"]).status_code)


def _use_of_exchanged(held: Held) -> int:
    return int(held.service.userinfo(held.exchanged).status_code)


def _vouch(held: Held) -> int:
    """By a fresh assertion: one from before may have expired by itself."""
    return int(held.idp.present(held.idp.jwt()).status_code)


def _use_of_vouched(held: Held) -> int:
    return int(held.rp.userinfo(held.vouched_token).status_code)


WAYS: dict[str, Callable[[Held], int]] = {
    "authorization_code": _exchange,
    "refresh_token": _refresh,
    GRANT_TYPE: _poll,
    jwt_bearer.GRANT_TYPE: _vouch,
    USE_OF_VOUCHED: _use_of_vouched,
    USE: _use,
    OWN: _own,
    USE_OF_OWN: _use_of_own,
    token_exchange.GRANT_TYPE: _token_exchange,
    USE_OF_EXCHANGED: _use_of_exchanged,
    f"authorization_code{AT_A_RESOURCE}": _exchange_at_resource,
    f"refresh_token{AT_A_RESOURCE}": _refresh_at_resource,
    f"{USE}{AT_A_RESOURCE}": _use_at_resource,
    f"{OWN}{AT_A_RESOURCE}": _own_at_resource,
    f"{USE_OF_OWN}{AT_A_RESOURCE}": _use_of_own_at_resource,
}


def _sign_out(held: Held) -> None:
    held.rp.browser.post("/logout/")


def _lose_token_key(held: Held) -> None:
    held.settings.OAUTH_SERVICE_TOKEN_KEY = "another token key of thirty-two characters"
    forget_everything()


def _replace_token_key(held: Held) -> None:
    before, held.settings.OAUTH_SERVICE_TOKEN_KEY = (
        held.settings.OAUTH_SERVICE_TOKEN_KEY,
        "a newer token key, as long as 32",
    )
    held.settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [before]
    forget_everything()


def _retire_signing_key(held: Held) -> None:
    keys.retire(SigningKey.objects.filter(algorithm="RS256").latest("generation").kid, now=timezone.now())


@dataclass(frozen=True, kw_only=True)
class State:
    """
    Something that happens to a connection.

    Attributes:
        ends: whether nothing of a person's is accepted afterwards; ends_offline likewise for a connection with offline_access.
        ends_vouched: whether a trusted issuer's word is good for nothing, as it needs no sign-in; None for as ends_offline.
        spares_assertions: whether a fresh assertion is good all the same, as it hangs on the consent and on no token.
        ends_own: whether a client gets no tokens of its own; ends_use_of_own whether those it has are refused.
        ends_exchanges: whether a service that acts through the client can do nothing any more.
        ends_resource: whether nothing for the resource is made or accepted.
        later: how much time has passed.
    """

    name: str
    enter: Callable[[Held], object]
    ends: bool
    ends_offline: bool
    ends_vouched: bool | None
    spares_assertions: bool
    ends_own: bool
    ends_use_of_own: bool
    ends_exchanges: bool
    ends_resource: bool
    later: timedelta

    def ends_for(self, way: str, *, is_offline: bool) -> bool:
        """Whether a way is closed afterwards."""
        if way.endswith(AT_A_RESOURCE):
            return self.ends_resource or self.ends_for(way.removesuffix(AT_A_RESOURCE), is_offline=is_offline)
        if way in (OWN, USE_OF_OWN):
            return self.ends_own or (way == USE_OF_OWN and self.ends_use_of_own)
        if way in EXCHANGES and self.ends_exchanges:
            return True
        if way == jwt_bearer.GRANT_TYPE and self.spares_assertions:
            return False
        if way in (jwt_bearer.GRANT_TYPE, USE_OF_VOUCHED):
            return self.ends_offline if self.ends_vouched is None else self.ends_vouched
        return self.ends_offline if is_offline else self.ends

    def __str__(self) -> str:
        return self.name


def _state(
    name: str,
    enter: Callable[[Held], object] = lambda _: None,
    *,
    ends: bool = True,
    ends_offline: bool | None = None,
    ends_vouched: bool | None = None,
    spares_assertions: bool = False,
    ends_own: bool = False,
    ends_use_of_own: bool = False,
    ends_exchanges: bool = False,
    ends_resource: bool = False,
    later: timedelta = timedelta(0),
) -> State:
    return State(
        name=name,
        enter=enter,
        ends=ends,
        ends_offline=ends if ends_offline is None else ends_offline,
        ends_vouched=ends_vouched,
        spares_assertions=spares_assertions,
        ends_own=ends_own,
        ends_use_of_own=ends_use_of_own,
        ends_exchanges=ends_exchanges,
        ends_resource=ends_resource,
        later=later,
    )


STATES = (
    _state("nothing happened", ends=False),
    _state("user disabled", lambda held: User.objects.update(is_active=False)),
    _state("user deleted", lambda held: held.rp.user.delete()),
    _state("client disabled", lambda held: Client.objects.update(is_active=False), ends_own=True),
    _state("client deleted", lambda held: held.rp.client.delete(), ends_own=True),
    _state(
        "grant type taken away",
        lambda held: Client.objects.update(
            grant_types=f"authorization_code refresh_token {GRANT_TYPE} {jwt_bearer.GRANT_TYPE}"
        ),
        ends=False,
        ends_own=True,
        ends_exchanges=True,
    ),
    _state(
        "own tokens ended", lambda held: Client.objects.end_own_tokens(held.rp.client), ends=False, ends_use_of_own=True
    ),
    _state(
        "service disabled",
        lambda held: Client.objects.filter(pk=held.service.client.pk).update(is_active=False),
        ends=False,
        ends_exchanges=True,
    ),
    _state(
        "service may act no more",
        lambda held: Client.objects.update(may_impersonate=False),
        ends=False,
        ends_exchanges=True,
    ),
    _state(
        "app lets nobody act",
        lambda held: Client.objects.update(exchangeable_by=""),
        ends=False,
        ends_exchanges=True,
    ),
    _state("consent withdrawn", lambda held: Consent.objects.withdraw(Consent.objects.get())),
    _state("session signed out", _sign_out, ends_offline=False),
    _state(
        "issuer switched off", lambda _: TrustedIssuer.objects.update(is_active=False), ends=False, ends_vouched=True
    ),
    _state("issuer deleted", lambda _: TrustedIssuer.objects.all().delete(), ends=False, ends_vouched=True),
    _state("everything expired", later=timedelta(days=400), ends_use_of_own=True, spares_assertions=True),
    _state("token key lost", _lose_token_key, ends_use_of_own=True, spares_assertions=True),
    _state("token key replaced", _replace_token_key, ends=False),
    _state("signing key retired", _retire_signing_key, ends=False),
    _state("resource disabled", lambda _: Resource.objects.update(is_active=False), ends=False, ends_resource=True),
    _state("resource gone", lambda _: Resource.objects.all().delete(), ends=False, ends_resource=True),
    _state(
        "resource taken from the client",
        lambda _: Resource.objects.update(is_for_all=False),
        ends=False,
        ends_resource=True,
    ),
)


@pytest.fixture
def held(rp: RelyingParty, provider: Settings, request: pytest.FixtureRequest) -> Held:
    """A code, tokens and a device code that was allowed, and the signing key in a row."""
    provider.OAUTH_SERVICE_TOKEN_KEY = "the token key of these tests, 32 long"
    provider.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    Resource.objects.create(identifier=ORDERS, name="Orders", is_for_all=True)
    provider.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    forget_everything()
    scope = f"openid profile{request.param}"
    rp.client.grant_types += f" client_credentials {GRANT_TYPE}"
    rp.client.save()
    own_token = _own_token(rp).json()["access_token"]
    own_token_of_resource = _own_token(rp, resource=ORDERS).json()["access_token"]
    code, tokens = rp.connect(scope=scope)["code"], rp.tokens(scope=scope)
    code_of_resource = rp.connect(scope=scope, resource=ORDERS)["code"]
    tokens_of_resource = rp.tokens(scope=scope, resource=ORDERS)
    device = Device(rp.client, rp.server, rp.credentials)
    begun = device.begun(scope=scope)
    Visitor(None, rp.browser).allow(begun["user_code"])  # in the session that is signed out below
    service = service_for(rp.client, scope="openid profile")
    exchanged = service.exchange(tokens["access_token"]).json()["access_token"]
    idp = trusted(rp.client)
    idp.server, idp.credentials, idp.audience = rp.server, rp.credentials, "https://id.example"
    vouched = idp.tokens()["access_token"]
    made = (rp, code, tokens, own_token, service, exchanged, provider, device, begun["device_code"])
    return Held(*made, code_of_resource, tokens_of_resource, own_token_of_resource, idp, vouched)


def test_every_grant_type_is_played() -> None:
    """One that is added is crossed with every state as well."""
    played = {way for way in WAYS if not way.endswith(AT_A_RESOURCE)}
    assert played == {*GRANT_TYPES, USE, USE_OF_OWN, USE_OF_EXCHANGED, USE_OF_VOUCHED}


@pytest.mark.parametrize("held", ["", " offline_access"], indirect=True, ids=["online", "offline"])
@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_what_has_ended_is_not_accepted(held: Held, way: str, state: State) -> None:
    """On every path alike; and what has not ended goes on."""
    ends = state.ends_for(way, is_offline="offline_access" in held.tokens["scope"])
    state.enter(held)
    with time_machine.travel(timezone.now() + state.later, tick=False):
        assert (WAYS[way](held) >= 400) == ends
