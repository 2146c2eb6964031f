"""The token key: it opens what it has sealed, and SECRET_KEY is separate from it (docs/token-key.md)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from config.sites import ROOT
from oauth_service import conf
from oauth_service.authorization import device as devices
from oauth_service.models import Client, Grant, Once, SigningKey
from oauth_service.protocol import interaction, sealed
from oauth_service.protocol.parameters import Parameters
from oauth_service.protocol.sealed import JwtId
from oauth_service.tokens import keys
from oauth_service.watch.doctor import facts
from tests.assertions import Signer
from tests.device.actors import Device, new_tv_app
from tests.guide import Guide

OWN, OLD = "k" * 40, "o" * 40
NOTHING = interaction.Interaction()


def code(guide: Guide) -> Callable[[], bool]:
    """Seal a code; return whether it can still be exchanged."""
    issued = guide.code()
    return lambda: guide.exchange(issued).status_code == 200


def access_token(guide: Guide) -> Callable[[], bool]:
    """Seal an access token; return whether it can still be used."""
    token = guide.tokens()["access_token"]
    return lambda: guide.is_alive(token)


def refresh_token(guide: Guide) -> Callable[[], bool]:
    """Seal a refresh token; return whether it can still be used."""
    token = guide.tokens()["refresh_token"]
    return lambda: bool(guide.refresh(token).status_code == 200)


def revocation(guide: Guide) -> Callable[[], bool]:
    """Seal a refresh token; return whether revoking it ends its connection."""
    token = guide.tokens()["refresh_token"]

    def ends() -> bool:
        guide.revoke(token)
        return not Grant.objects.exists()

    return ends


def way_through_our_pages(guide: Guide) -> Callable[[], bool]:
    """Seal a demand for a fresh sign-in; return whether it is still believed."""
    parameters, now = Parameters([]), int(timezone.now().timestamp())
    sealed = interaction.Interaction(since=now).seal(parameters, key=conf.token_keys()[0], now=now)
    carried = Parameters([(interaction.PARAMETER, sealed)])
    return lambda: interaction.read(carried, keys=conf.token_keys(), now=now) != NOTHING


def signing_key(guide: Guide) -> Callable[[], bool]:
    """Make a signing key; return whether a new process can read its private part."""
    keys.sign({}, algorithm="ES256", typ="JWT", now=timezone.now())
    [kid] = SigningKey.objects.filter(algorithm="ES256").values_list("kid", flat=True)

    def is_readable() -> bool:
        keys.forget()
        return any(each.key.kid == kid and each.key.can_sign for each in keys.key_states(timezone.now()))

    return is_readable


def used_assertion(guide: Guide) -> Callable[[], bool]:
    """Use an assertion; return whether the server knows that it was used."""
    names, until = ("https://issuer.example", "jti"), timezone.now() + timedelta(minutes=5)
    assert Once.objects.use("assertion", *names, until=until)
    return lambda: not Once.objects.use("assertion", *names, until=until)


def device_code(guide: Guide) -> Callable[[], bool]:
    """Begin with a device; return whether it can go on polling."""
    device = Device(new_tv_app())
    begun = device.begun()
    return lambda: device.error(begun["device_code"]) in ("authorization_pending", "slow_down")


def user_code(guide: Guide) -> Callable[[], bool]:
    """Begin with a device; return whether it is found by its user code."""
    begun = Device(new_tv_app()).begun()
    return lambda: devices.find(begun["user_code"], user_id=guide.alice.pk, now=timezone.now()) is not None


def client_secret(guide: Guide) -> Callable[[], bool]:
    """Register a client that signs with its secret; return whether its MAC is verified."""
    signer = Signer.by_secret(guide.client)

    def is_verified() -> bool:
        proof: dict[str, Any] = {"client_id": "", "client_secret": "", **signer.proof()}
        return bool(guide.revoke("AT_unknown", **proof).status_code == 200)

    return is_verified


def introspected(guide: Guide) -> Callable[[], bool]:
    """Seal a refresh token; return whether introspection knows it."""
    token = guide.tokens()["refresh_token"]
    return lambda: bool(guide.introspect(token).json()["active"])


def jwt_access_token(guide: Guide) -> Callable[[], bool]:
    """Seal the jti of a JWT; return whether it still names its row."""
    guide.tokens()
    grant = Grant.objects.get()
    text = sealed.seal(JwtId(row_id=grant.pk, token_id=uuid4(), is_own=False), conf.token_keys()[0], grant.secret)

    def is_genuine() -> bool:
        try:
            sealed.read(JwtId, text).verify(conf.token_keys(), grant.secret)
        except sealed.Unproven:
            return False
        return True

    return is_genuine


SEALED = (
    *(introspected, jwt_access_token, client_secret),
    *(code, access_token, refresh_token, revocation, way_through_our_pages, signing_key, used_assertion),
    *(device_code, user_code),
)


@pytest.fixture(autouse=True)
def provider(settings: Settings) -> None:
    """Switch on signing and devices, too."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = settings.OAUTH_SERVICE_INTROSPECTION = True
    settings.OAUTH_SERVICE_SCOPES = {**conf.SCOPES(), "openid": "Who you are"}


@pytest.mark.parametrize("seal", SEALED, ids=lambda seal: seal.__name__)
@pytest.mark.parametrize("named", [True, False], ids=["SECRET_KEY among the fallbacks", "SECRET_KEY apart"])
def test_secret_key_opens_only_what_a_fallback_says(guide: Guide, settings: Settings, seal: Any, named: bool) -> None:
    """The whole project uses SECRET_KEY: anyone who learns it must not get a token. Moving to a token key loses no token."""
    opens = seal(guide)
    settings.OAUTH_SERVICE_TOKEN_KEY = OWN
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [settings.SECRET_KEY] if named else []
    assert opens() is named


@pytest.mark.parametrize("seal", SEALED, ids=lambda seal: seal.__name__)
def test_secret_key_that_is_named_as_the_token_key_is_what_it_was(guide: Guide, settings: Settings, seal: Any) -> None:
    """Naming SECRET_KEY is the first step of a move to a separate key on several servers."""
    opens = seal(guide)
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = settings.SECRET_KEY, [OWN]
    assert opens()


@pytest.mark.parametrize("seal", SEALED, ids=lambda seal: seal.__name__)
def test_a_secret_key_that_is_replaced_concerns_no_token(guide: Guide, settings: Settings, seal: Any) -> None:
    """The project may replace SECRET_KEY at any time."""
    settings.OAUTH_SERVICE_TOKEN_KEY = OWN
    opens = seal(guide)
    settings.SECRET_KEY = "another secret key of this project, long enough"
    assert opens()


STEPS = [(OLD, []), (OLD, [OWN]), (OWN, [OLD]), (OWN, [])]  # docs/token-key.md


@pytest.mark.parametrize("seal", SEALED, ids=lambda seal: seal.__name__)
@pytest.mark.parametrize("step", range(len(STEPS) - 1))
@pytest.mark.parametrize("backwards", [False, True], ids=["sealed before the step", "sealed after it"])
def test_a_new_key_that_is_rolled_out_in_order(
    guide: Guide, settings: Settings, seal: Any, step: int, backwards: bool
) -> None:
    """Some servers are one step ahead of the others, and each opens what the others have sealed."""
    sealed_at, opened_at = (STEPS[step + 1], STEPS[step]) if backwards else (STEPS[step], STEPS[step + 1])
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = sealed_at
    opens = seal(guide)
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = opened_at
    assert opens()


def test_every_use_of_the_token_key_is_among_those_tried() -> None:
    """Code that seals something new with it must be added here."""
    server = ROOT / "oauth_service"
    users = {
        str(path.relative_to(server))
        for path in server.rglob("*.py")
        if "token_keys()" in path.read_text() and path.name not in ("conf.py", "readiness.py", "facts.py")
    }
    assert users == {
        "authorization/arrival.py",  # way_through_our_pages
        "authorization/device.py",  # device_code, user_code
        "clients/registration.py",  # no seal: the digest of an address, which nothing opens
        "endpoints/revoke.py",  # revocation
        "grant_types/authorization_code.py",  # code
        "grant_types/device_code.py",  # device_code
        "grant_types/refresh_token.py",  # refresh_token
        "models/client_secret.py",  # client_secret
        "models/once.py",  # used_assertion
        "tokens/access_token.py",  # access_token
        "tokens/exchanged.py",  # access_token: sealed in the same way
        "tokens/introspection.py",  # introspected
        "tokens/issue.py",  # all three
        "tokens/jwt_access_token.py",  # jwt_access_token
        "tokens/keys.py",  # signing_key
        "watch/same_settings.py",  # the doctor's proof, good for minutes: tests/doctor/test_same_settings.py
    }


def test_nothing_else_is_derived_from_secret_key() -> None:
    """Apart from Django's own signatures, this app has no use for it."""
    server = ROOT / "oauth_service"
    words = ("settings.SECRET_KEY", "salted_hmac", "django.core.signing", "django.core import signing")
    sources = {str(path.relative_to(server)): path.read_text() for path in server.rglob("*.py")}
    uses = {name for name, source in sources.items() if any(word in source for word in words)}
    # wsgi.py only asks whether Django would sign a session again, readiness.py whether there is a key; checks.py validates
    # it, and same_settings.py compares it.
    assert uses == {"checks.py", "conf.py", "watch/readiness.py", "watch/same_settings.py", "wsgi.py"}


@pytest.mark.parametrize("has_fallbacks", [True, False])
def test_the_doctor_says_since_when_all_was_sealed(guide: Guide, settings: Settings, has_fallbacks: bool) -> None:
    """An earlier key can be removed if it was replaced before that moment."""
    now = timezone.now()
    settings.OAUTH_SERVICE_TOKEN_KEY = OWN
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [settings.SECRET_KEY] if has_fallbacks else []
    assert facts.of_inside(now=now).sealed_since == (now - timedelta(hours=1) if has_fallbacks else None)
    if has_fallbacks:
        guide.tokens()
        Client.objects.update(access_token_lifetime=timedelta(hours=3))
        assert facts.of_inside(now=now).sealed_since == now - timedelta(hours=3)
        Grant.objects.update(refreshed_at=now - timedelta(days=2))
        assert facts.of_inside(now=now).sealed_since == now - timedelta(days=2)
        Grant.objects.update(expires_at=now)
        assert facts.of_inside(now=now).sealed_since == now - timedelta(hours=3)
