"""/jwks/: the public keys, without any private part."""

from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from oauth_service.models import SigningKey
from oauth_service.protocol.jwt import ALGORITHMS
from oauth_service.tokens import keys

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """A server that is an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


def key_set(browser: Browser) -> list[dict[str, Any]]:
    """Return the published keys."""
    found: list[dict[str, Any]] = browser.get("/jwks/").json()["keys"]
    return found


@pytest.mark.parametrize("path", ["/jwks/", "/jwks"])
def test_it_has_a_key_of_each_algorithm(browser: Browser, path: str) -> None:
    """Keys exist on the very first request, each with its alg, as python-social-auth needs, and a kid of its own."""
    response = browser.get(path)
    found = response.json()["keys"]
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert [each["alg"] for each in found] == list(ALGORITHMS)
    assert ({each["use"] for each in found}, len({each["kid"] for each in found})) == ({"sig"}, 4)


def test_it_may_be_kept_for_a_while_and_read_from_anywhere(browser: Browser) -> None:
    """A client that respects the ten minutes stops accepting a retired key after that time."""
    headers = browser.get("/jwks/").headers
    assert (headers["Cache-Control"], headers["Access-Control-Allow-Origin"]) == ("public, max-age=600", "*")


@pytest.mark.parametrize("path", ["/jwks/", "/jwks"])
def test_without_openid_connect_it_is_not_there(browser: Browser, settings: Settings, path: str) -> None:
    """A request must not cause a key to be made."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your name"}
    assert (browser.get(path).status_code, SigningKey.objects.count()) == (404, 0)


def _made(_: Settings) -> None:
    """Make the server's own keys, and the next ones."""
    for algorithm in ALGORITHMS:
        keys.rotate(algorithm, now=timezone.now())
        keys.rotate(algorithm, now=timezone.now())


def _given(settings: Settings) -> None:
    settings.OAUTH_SERVICE_SIGNING_KEYS = PEMS


def _elsewhere(settings: Settings) -> None:
    settings.OAUTH_SERVICE_SIGNER = "tests.endpoints.test_jwks.Careless"


def _lost(settings: Settings) -> None:
    settings.OAUTH_SERVICE_TOKEN_KEY = "a" * 32
    _made(settings)
    keys.forget()
    settings.OAUTH_SERVICE_TOKEN_KEY = "b" * 32


def _pems() -> list[str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    raw: list[Any] = [
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ]
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return [each.private_bytes(pem, pkcs8, plain).decode() for each in raw]


PEMS = _pems()


class Careless:
    """A signer that returns its private keys."""

    def public_jwks(self) -> list[dict[str, object]]:
        """Return the keys including their private parts."""
        from oauth_service.tokens import jwk

        read = [jwk.from_pem(each) for each in PEMS]
        return [dict(each._key.as_dict(private=True)) | dict(each.public.jwk) for each in read]

    def sign(self, kid: str, alg: str, signing_input: bytes) -> bytes:
        """Fail, because these tests never sign."""
        raise NotImplementedError


@pytest.mark.parametrize("source", [_made, _given, _elsewhere, _lost], ids=["made", "given", "elsewhere", "lost"])
def test_no_private_member_is_ever_published(
    browser: Browser, settings: Settings, source: Callable[[Settings], None]
) -> None:
    """Every published member is one of a public key, for any source of the keys."""
    source(settings)
    found = key_set(browser)
    public = {"kty", "kid", "alg", "use", "n", "e", "crv", "x", "y"}
    assert len(found) >= 3
    assert [set(each) - public for each in found if set(each) - public or PRIVATE & set(each)] == []
    text = browser.get("/jwks/").content.decode()
    secret = [line for pem in PEMS for line in pem.splitlines()[1:-1]]
    assert [line for line in secret if line in text] == []


def test_a_stranger_finds_the_key_of_a_token(browser: Browser) -> None:
    """An independent library must find the key, before and after a rotation."""
    now = timezone.now()
    for algorithm in ALGORITHMS:
        tokens = [keys.sign({"sub": "1"}, algorithm=algorithm, typ="JWT", now=now)]
        keys.retire(pyjwt.get_unverified_header(tokens.pop())["kid"], now=now)
        tokens.append(keys.sign({"sub": "1"}, algorithm=algorithm, typ="JWT", now=now))
        found = pyjwt.PyJWKSet.from_dict({"keys": key_set(browser)})
        for token in tokens:
            key = found[pyjwt.get_unverified_header(token)["kid"]].key
            assert pyjwt.decode(token, key, algorithms=[algorithm]) == {"sub": "1"}


@pytest.mark.django_db(transaction=True)
def test_it_costs_no_statement_when_it_is_asked_for_often(
    browser: Browser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The endpoint is public and may be requested often."""
    browser.get("/jwks/")
    browser.get("/jwks/")
    with django_assert_num_queries(0):
        browser.get("/jwks/")


def test_a_signer_that_is_away_is_a_503(browser: Browser, settings: Settings) -> None:
    """The response says how long to wait, and the log has the reason under its reference."""
    settings.OAUTH_SERVICE_SIGNER = "tests.endpoints.test_jwks.Away"
    response = browser.get("/jwks/")
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert response["Retry-After"]


class Away:
    """A signer that cannot be reached."""

    def public_jwks(self) -> list[dict[str, object]]:
        """Fail as a service that does not respond."""
        raise TimeoutError("the key service did not answer")

    def sign(self, kid: str, alg: str, signing_input: bytes) -> bytes:
        """Fail as a service that does not respond."""
        raise TimeoutError("the key service did not answer")
