"""The settings: their defaults, and values derived from them."""

import hashlib
import hmac
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import RequestFactory
from pytest_django import Settings

from oauth_service import conf
from tests.guide import Guide


def derived(key: str) -> bytes:
    """Return the token key derived from a setting."""
    return hmac.digest(b"oauth_service.token_key", key.encode(), hashlib.sha256)


def test_the_defaults() -> None:
    """A project without settings gets these values, including the guide's hour."""
    assert {setting.name.removeprefix(conf.PREFIX): setting.default for setting in conf.ALL} == {
        "ISSUER": "",
        "SERVICE_NAME": "OAuth Service",
        "SUPPORT_CONTACT": "",
        "SCOPES": {
            "user": "Your username and e-mail address",
            "profile": "Your name and when your profile was last updated",
        },
        "AUTHORIZATION_CODE_LIFETIME": timedelta(minutes=1),
        "DEVICE_AUTHORIZATION": False,
        "DEVICE_CODE_LIFETIME": timedelta(minutes=10),
        "DEVICE_CODE_INTERVAL": timedelta(seconds=5),
        "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
        "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
        "REFRESH_RETRY_WINDOW": timedelta(minutes=2),
        "END_SHARED_CONNECTIONS": False,
        "END_CONNECTIONS_ON_PASSWORD_CHANGE": False,
        "CONNECTION_LIFETIME": None,
        "AUDIT_LIFETIME": timedelta(days=90),
        "TOKEN_KEY": "",
        "TOKEN_KEY_FALLBACKS": (),
        "CLAIMS": "oauth_service.claims.claims_of",
        "REQUEST_BODY_LIMIT": 65_536,
        "REQUEST_ID_HEADER": "",
        "FAILURE_LIMIT": 10,
        "FAILURE_WINDOW": timedelta(minutes=5),
        "THROTTLE_CACHE": "default",
        "TRUSTED_PROXIES": ("127.0.0.0/8", "::1", "unix"),
        "METRICS_ADDRESSES": (),
        "METRICS_SECRET": "",
        "SIGNING_ALGORITHMS": ("RS256", "ES256", "PS256", "EdDSA"),
        "SIGNING_KEY_LIFETIME": timedelta(days=90),
        "SIGNING_KEYS": (),
        "SIGNER": "",
        "ID_TOKEN_LIFETIME": timedelta(hours=1),
        "PAIRWISE_KEY": "",
        "AUTHENTICATION_EVENT": "",
        "ACR": "",
        "STEP_UP_URLS": {},
        "SCOPE_IMPLIES": {},
        "RESOURCE": "",
        "REMOTE_ISSUERS": {},
        "REMOTE_CACHE": timedelta(seconds=10),
        "INTROSPECTION": False,
        "GLOBAL_TOKEN_REVOCATION": False,
        "GLOBAL_TOKEN_REVOCATION_USERS": "",
        "ASSERTIONS_FOR_TOKEN_ENDPOINT": False,
        "EXCHANGE_POLICY": "",
        "EXCHANGE_USER": "",
        "JWT_BEARER_USER": "",
        "OUTBOUND_LOOPBACK": False,
        "REGISTRATION": "",
        "KNOWN_CLIENT_HOSTS": (),
        "CHOOSE_SCOPES": "unchecked",
        "REQUIRED_SCOPES": (),
        "ACTION_SCOPES": (),
        "CLIENT_ID_METADATA_DOCUMENTS": False,
        "CLIENT_ID_METADATA_ALLOWED_HOSTS": (),
        "CLIENT_ID_METADATA_BLOCKED_HOSTS": (),
        "REGISTRATION_SCOPES": (),
        "REGISTRATION_REQUIRES_PKCE": True,
        "REGISTRATION_LIFETIME": timedelta(days=7),
        "REGISTRATION_LIMIT": 60,
        "REGISTRATION_MOST_WAITING": 10_000,
        "CLAIMS_SUPPORTED": (
            *("name", "given_name", "family_name", "preferred_username", "updated_at"),
            *("email", "email_verified", "address", "phone_number", "phone_number_verified"),
        ),
    }


def test_a_setting_is_read_when_it_is_asked_for(settings: Settings) -> None:
    """Tests and projects change settings while the process runs."""
    settings.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(minutes=5)
    assert conf.ACCESS_TOKEN_LIFETIME() == timedelta(minutes=5)


def test_the_issuer_that_is_set_is_the_issuer(settings: Settings) -> None:
    """A visitor chooses the Host header, so it must not matter."""
    settings.OAUTH_SERVICE_ISSUER = "https://id.example/tenant"
    assert conf.issuer_of(RequestFactory().get("/")) == "https://id.example/tenant"


@pytest.mark.parametrize(("secure", "issuer"), [(False, "http://localhost"), (True, "https://localhost")])
def test_without_one_the_issuer_is_where_the_request_went(settings: Settings, secure: bool, issuer: str) -> None:
    """A developer needs no setting for this. ALLOWED_HOSTS limits the possible hosts."""
    settings.OAUTH_SERVICE_ISSUER = ""
    assert conf.issuer_of(RequestFactory().get("/", secure=secure, headers={"Host": "localhost"})) == issuer


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ["now", "before"]),
        ({"TOKEN_KEY": "own"}, ["own"]),
        ({"TOKEN_KEY": "own", "TOKEN_KEY_FALLBACKS": ["older", "now"]}, ["own", "older", "now"]),
        ({"TOKEN_KEY_FALLBACKS": ["older"]}, ["now", "before"]),
    ],
    ids=["from SECRET_KEY", "of its own alone", "of its own, rotated", "fallbacks of nothing"],
)
def test_the_token_keys_in_their_order(settings: Settings, own: dict[str, object], expected: list[str]) -> None:
    """The first key seals, and all of them open."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "now", ["before"]
    for name, value in own.items():
        setattr(settings, f"OAUTH_SERVICE_{name}", value)
    assert conf.token_keys() == tuple(derived(key) for key in expected)


def test_the_token_key_is_not_the_secret_key_itself() -> None:
    """Django signs other things with SECRET_KEY, which must not be taken for tokens."""
    key = str(django_settings.SECRET_KEY).encode()
    assert [each for each in conf.token_keys() if each == key or len(each) != 32] == []


ROTATIONS = {
    "SECRET_KEY, the old one kept": {"SECRET_KEY": "n" * 50, "SECRET_KEY_FALLBACKS": [django_settings.SECRET_KEY]},
    "a token key of its own, the old one kept": {
        "OAUTH_SERVICE_TOKEN_KEY": "t" * 32,
        "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS": [django_settings.SECRET_KEY],
    },
}


@pytest.mark.parametrize("changes", ROTATIONS.values(), ids=ROTATIONS.keys())
def test_rotating_keys_ends_no_session(guide: Guide, settings: Settings, changes: dict[str, object]) -> None:
    """Keys rotate like Django's: tokens made before stay valid."""
    tokens = guide.tokens()
    for name, value in changes.items():
        setattr(settings, name, value)
    refreshed = guide.refresh(tokens["refresh_token"])
    assert (guide.is_alive(tokens["access_token"]), refreshed.status_code) == (True, 200)


def test_a_secret_key_replaced_without_a_fallback_ends_every_session(guide: Guide, settings: Settings) -> None:
    """An operator who replaces a stolen key relies on this."""
    tokens = guide.tokens()
    settings.SECRET_KEY = "n" * 50
    assert guide.is_alive(tokens["access_token"]) is False
