"""
Every grant type, in every format of access tokens, combined with every state of the things that it depends on.

For each combination the tests request tokens, and use a token from before. They walk the table of grant types: a new
one without an entry here fails the first test. The possible formats follow from its parameters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import User
from django.http import JsonResponse
from django.urls import include, path
from django.utils import timezone
from pytest_django import Settings

from oauth_service.grant_types import GRANT_TYPES
from oauth_service.models import Client, Consent, Resource, SigningKey, TrustedIssuer
from oauth_service.models.purge import sweep
from oauth_service.models.resource import TokenFormat
from oauth_service.protect import ProtectedRequest, protect
from oauth_service.protocol import jwt_bearer, resource_indicators, token_exchange
from oauth_service.protocol.device_code import GRANT_TYPE as DEVICE_CODE
from oauth_service.testing import forget_everything
from oauth_service.tokens import keys
from tests.actors import FORM
from tests.device.actors import Device, Visitor
from tests.exchanges import Service, service_for
from tests.grant_types.test_resources import ORDERS, status_at
from tests.jwt_bearer.actors import USER_FUNCTION, IdentityProvider, trusted
from tests.openid.conftest import RelyingParty

pytestmark = pytest.mark.urls("tests.openid.test_states")

PILLS = "https://api.example/pills"


@protect(allow_clients=True, resource=PILLS)
def pills(request: ProtectedRequest) -> JsonResponse:
    """A view of an API whose tokens are JWTs."""
    return JsonResponse({})


urlpatterns = [path("pills/", pills), path("", include("tests.grant_types.test_resources"))]


@dataclass(frozen=True, kw_only=True)
class Api:
    """The audience of a token: none in particular, or a resource with one of the formats."""

    resource: str
    url: str


FORMATS = {
    "": Api(resource="", url="/plain/"),
    TokenFormat.OPAQUE.value: Api(resource=ORDERS, url="/orders/"),
    TokenFormat.JWT.value: Api(resource=PILLS, url="/pills/"),
}


class Fact(Enum):
    """A fact that a way may depend on."""

    USER = auto()
    CLIENT = auto()
    CONSENT = auto()
    SESSION = auto()
    AGE = auto()
    GRANT_TYPE = auto()
    TOKEN_KEY = auto()
    SIGNING_KEY = auto()
    OWN_TOKENS = auto()
    SERVICE = auto()
    ISSUER = auto()
    TRUST = auto()  # the registration of an issuer, as far as it concerns new tokens
    RESOURCE = auto()


OF_A_PERSON = frozenset({Fact.USER, Fact.CLIENT, Fact.CONSENT, Fact.SESSION, Fact.AGE, Fact.TOKEN_KEY})


@dataclass
class Cast:
    """The actors, before the state changes."""

    rp: RelyingParty
    settings: Settings
    service: Service
    idp: IdentityProvider
    scope: str

    def connect(self, api: Api) -> dict[str, Any]:
        """Return the tokens of a new connection."""
        return self.rp.tokens(scope=self.scope, resource=api.resource)


Ask = Callable[[], Any]


def _by_code(cast: Cast, api: Api) -> Ask:
    code = cast.rp.connect(scope=cast.scope, resource=api.resource)["code"]
    return lambda: cast.rp.exchange(code)


def _by_refresh_token(cast: Cast, api: Api) -> Ask:
    refresh_token = cast.connect(api)["refresh_token"]
    return lambda: cast.rp.refresh(refresh_token)


def _by_device_code(cast: Cast, api: Api) -> Ask:
    device = Device(cast.rp.client, cast.rp.server, cast.rp.credentials)
    begun = device.begun(scope=cast.scope, resource=api.resource)
    Visitor(None, cast.rp.browser).allow(begun["user_code"])  # in the session that is signed out below
    return lambda: device.poll(begun["device_code"])


def _by_exchange(cast: Cast, api: Api) -> Ask:
    subject_token = cast.connect(api)["access_token"]
    return lambda: cast.service.exchange(subject_token)


def _by_assertion(cast: Cast, api: Api) -> Ask:
    """Present a fresh assertion, because an earlier one may have expired by itself."""
    cast.connect(api)  # so that the user has allowed it
    return lambda: cast.idp.present(cast.idp.jwt(), resource=api.resource)


def _by_credentials(cast: Cast, api: Api) -> Ask:
    form = {"grant_type": "client_credentials", "scope": "profile", **cast.rp.credentials, "resource": api.resource}
    return lambda: cast.rp.server.post("/token/", urlencode({k: v for k, v in form.items() if v}), content_type=FORM)


@dataclass(frozen=True, kw_only=True)
class Play:
    """
    The actions for a grant type.

    Attributes:
        prepare: makes what the request presents. Calling its result sends the request.
        to_get, to_use: the facts that the request, and the use of its access token, depend on besides the registration
            and the resource.
        presents_access_token: True if the presented token has that format, too.
    """

    prepare: Callable[[Cast, Api], Ask]
    to_get: frozenset[Fact] = OF_A_PERSON
    to_use: frozenset[Fact] = OF_A_PERSON
    presents_access_token: bool = False


PLAYS = {
    "authorization_code": Play(prepare=_by_code),
    "refresh_token": Play(prepare=_by_refresh_token),
    DEVICE_CODE: Play(prepare=_by_device_code),
    token_exchange.GRANT_TYPE: Play(
        prepare=_by_exchange,
        to_get=OF_A_PERSON | {Fact.SERVICE},
        to_use=OF_A_PERSON | {Fact.SERVICE, Fact.GRANT_TYPE},
        presents_access_token=True,
    ),
    jwt_bearer.GRANT_TYPE: Play(
        prepare=_by_assertion,
        # No sign-in is among them, because no user signs in.
        to_get=frozenset({Fact.USER, Fact.CLIENT, Fact.CONSENT, Fact.ISSUER, Fact.TRUST}),
        to_use=OF_A_PERSON - {Fact.SESSION} | {Fact.ISSUER},
    ),
    "client_credentials": Play(
        prepare=_by_credentials,
        to_get=frozenset({Fact.CLIENT}),
        to_use=frozenset({Fact.CLIENT, Fact.OWN_TOKENS, Fact.AGE, Fact.TOKEN_KEY, Fact.GRANT_TYPE}),
    ),
}


class Way(NamedTuple):
    """A way that may be closed: a request of a grant type, or the use of its token, in one format."""

    grant_type: str
    token_format: str
    is_use: bool

    @property
    def hangs_on(self) -> frozenset[Fact]:
        """Every fact whose end closes the way."""
        play = PLAYS[self.grant_type]
        facts = play.to_use if self.is_use else play.to_get | {Fact.GRANT_TYPE}
        if self.token_format:
            facts |= {Fact.RESOURCE}
        is_shown = self.is_use or play.presents_access_token
        return facts | {Fact.SIGNING_KEY} if self.token_format == TokenFormat.JWT and is_shown else facts

    def __str__(self) -> str:
        return f"{'use of ' if self.is_use else ''}{self.grant_type} {self.token_format}".strip()


def ways() -> Iterator[Way]:
    """Return every grant type of the table, in each format that it can have."""
    for name, grant_type in GRANT_TYPES.items():
        takes_resources = resource_indicators.PARAMETER in grant_type.DESCRIPTION.optional
        for token_format in FORMATS if takes_resources else [""]:
            yield Way(name, token_format, is_use=False)
            yield Way(name, token_format, is_use=True)


# -- states ------------------------------------------------------------------------------------------------------------


def _end_by_date(seconds: int) -> Callable[[Cast], object]:
    """Set the end date of the connection, as a user may."""
    return lambda _: Consent.objects.update(ends_at=timezone.now() + timedelta(seconds=seconds))


def _sweep_ended(_: Cast) -> None:
    Consent.objects.update(ends_at=timezone.now())
    sweep(now=timezone.now())


def _sign_out(cast: Cast) -> None:
    cast.rp.browser.post("/logout/")


def _lose_token_key(cast: Cast) -> None:
    cast.settings.OAUTH_SERVICE_TOKEN_KEY = "another token key of thirty-two characters"
    forget_everything()


def _replace_token_key(cast: Cast) -> None:
    before, cast.settings.OAUTH_SERVICE_TOKEN_KEY = (
        cast.settings.OAUTH_SERVICE_TOKEN_KEY,
        "a newer token key, as long as 32",
    )
    cast.settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [before]
    forget_everything()


def _retire_signing_key(_: Cast) -> None:
    keys.retire(SigningKey.objects.filter(algorithm="RS256").latest("generation").kid, now=timezone.now())


def _app(cast: Cast) -> Any:
    return Client.objects.filter(pk=cast.rp.client.pk)


def _service(cast: Cast) -> Any:
    return Client.objects.filter(pk=cast.service.client.pk)


@dataclass(frozen=True)
class State:
    """
    An event, and what it ends.

    Attributes:
        ends: the fact that ends. Every way that depends on it is closed, and no other.
        later: the time that has passed.
    """

    name: str
    enter: Callable[[Cast], object]
    ends: Fact | None
    later: timedelta = timedelta(0)

    def __str__(self) -> str:
        return self.name


STATES = (
    State("nothing happened", lambda _: None, None),
    State("user disabled", lambda _: User.objects.update(is_active=False), Fact.USER),
    State("user deleted", lambda cast: cast.rp.user.delete(), Fact.USER),
    State("client disabled", lambda cast: _app(cast).update(is_active=False), Fact.CLIENT),
    State("client deleted", lambda cast: _app(cast).delete(), Fact.CLIENT),
    State("grant types taken away", lambda _: Client.objects.update(grant_types=""), Fact.GRANT_TYPE),
    State("own tokens ended", lambda cast: Client.objects.end_own_tokens(cast.rp.client), Fact.OWN_TOKENS),
    State("service disabled", lambda cast: _service(cast).update(is_active=False), Fact.SERVICE),
    State("service deleted", lambda cast: _service(cast).delete(), Fact.SERVICE),
    State("service may act no more", lambda _: Client.objects.update(may_impersonate=False), Fact.SERVICE),
    State("app lets nobody act", lambda _: Client.objects.update(exchangeable_by=""), Fact.SERVICE),
    State("consent withdrawn", lambda _: Consent.objects.withdraw(Consent.objects.get()), Fact.CONSENT),
    State("connection ended by date", _end_by_date(5), Fact.CONSENT, timedelta(seconds=5)),
    State("connection about to end", _end_by_date(60), None, timedelta(seconds=5)),
    State("connection swept after its end", _sweep_ended, Fact.CONSENT),
    State("session signed out", _sign_out, Fact.SESSION),
    State("issuer switched off", lambda _: TrustedIssuer.objects.update(is_active=False), Fact.ISSUER),
    State("issuer deleted", lambda _: TrustedIssuer.objects.all().delete(), Fact.ISSUER),
    State("issuer of another client", lambda _: TrustedIssuer.objects.update(clients="other"), Fact.TRUST),
    State("issuer for another purpose", lambda _: TrustedIssuer.objects.update(purposes="id-jag"), Fact.TRUST),
    State("everything expired", lambda _: None, Fact.AGE, timedelta(days=400)),
    State("token key lost", _lose_token_key, Fact.TOKEN_KEY),
    State("token key replaced", _replace_token_key, None),
    State("signing key retired", _retire_signing_key, Fact.SIGNING_KEY),
    State("resource disabled", lambda _: Resource.objects.update(is_active=False), Fact.RESOURCE),
    State("resource gone", lambda _: Resource.objects.all().delete(), Fact.RESOURCE),
    State("resource taken from the client", lambda _: Resource.objects.update(is_for_all=False), Fact.RESOURCE),
)


@pytest.fixture
def cast(rp: RelyingParty, provider: Settings, request: pytest.FixtureRequest) -> Cast:
    """A client with every grant type, a service that acts through it, and an issuer whose assertions it presents."""
    provider.OAUTH_SERVICE_TOKEN_KEY = "the token key of these tests, 32 long"
    provider.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    provider.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    forget_everything()
    for token_format, api in FORMATS.items():
        if token_format:
            name = token_format.title()
            Resource.objects.create(identifier=api.resource, name=name, is_for_all=True, token_format=token_format)
    rp.client.grant_types += f" client_credentials {DEVICE_CODE}"
    rp.client.save()
    service = service_for(rp.client, scope="openid profile")
    idp = trusted(rp.client)
    idp.server, idp.credentials, idp.audience = rp.server, rp.credentials, "https://id.example"
    return Cast(rp, provider, service, idp, scope=f"openid profile{request.param}")


def test_every_grant_type_and_format_is_played() -> None:
    """A new grant type or format is tested with every state, too."""
    assert (set(PLAYS), set(FORMATS)) == (set(GRANT_TYPES), {"", *TokenFormat.values})


def test_every_fact_ends_in_some_state() -> None:
    """Each fact must have a state that ends it, or its check would never be tested."""
    assert {state.ends for state in STATES} - {None} == set(Fact)
    assert all(way.hangs_on for way in ways())


@pytest.mark.parametrize("cast", ["", " offline_access"], indirect=True, ids=["online", "offline"])
@pytest.mark.parametrize("state", STATES, ids=str)
def test_what_has_ended_is_not_accepted(cast: Cast, state: State) -> None:
    """Each path must refuse what has ended, and must accept everything else."""
    tries = {way: _prepared(cast, way) for way in ways()}
    state.enter(cast)
    is_spared = state.ends is Fact.SESSION and "offline_access" in cast.scope
    expected = {str(way): state.ends in way.hangs_on and not is_spared for way in tries}
    with time_machine.travel(timezone.now() + state.later, tick=False):
        assert {str(way): attempt() >= 400 for way, attempt in tries.items()} == expected


def _prepared(cast: Cast, way: Way) -> Callable[[], int]:
    play, api = PLAYS[way.grant_type], FORMATS[way.token_format]
    ask = play.prepare(cast, api)
    if not way.is_use:
        return lambda: int(ask().status_code)
    token = ask().json()["access_token"]
    assert token.startswith("eyJ") == (way.token_format == TokenFormat.JWT)
    return lambda: status_at(api.url, token)
