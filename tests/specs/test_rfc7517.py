"""RFC 7517, JSON Web Key: the key set at /jwks/."""

import json

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.protocol.jwt import ALGORITHMS
from tests.clauses import clause
from tests.specs.signed import key_set


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """Return the settings of an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


@clause("RFC 7517", "5")
def test_a_set_is_an_object_with_an_array_of_keys() -> None:
    """
    "A JWK Set is a JSON object that represents a set of JWKs. The JSON object MUST have a "keys" member, with its value being an
    array of JWKs."
    """
    document = Browser().get("/jwks/").json()
    assert (list(document), len(document["keys"])) == (["keys"], len(ALGORITHMS))


@clause("RFC 7517", "4.1")
def test_every_key_says_its_type() -> None:
    """ "This member MUST be present in a JWK." """
    kinds = {each["alg"]: each["kty"] for each in key_set()}
    assert kinds == {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


@clause("RFC 7517", "4.2")
def test_every_key_is_for_signatures() -> None:
    """ "sig" (signature); clients that encrypt must not use one of these keys."""
    assert {each["use"] for each in key_set()} == {"sig"}


@clause("RFC 7517", "4.4")
def test_every_key_is_for_one_algorithm() -> None:
    """ "identifies the algorithm intended for use with the key". RS256 and PS256 have separate keys."""
    keys = key_set()
    assert [each["alg"] for each in keys] == list(ALGORITHMS)
    assert len({each["n"] for each in keys if each["kty"] == "RSA"}) == 2


@clause("RFC 7517", "4.5")
def test_every_key_has_a_name_of_its_own() -> None:
    """ "When "kid" values are used within a JWK Set, different keys within the JWK Set SHOULD use distinct "kid" values" """
    names = [each["kid"] for each in key_set()]
    assert (len(set(names)), all(names)) == (len(names), True)


@clause("RFC 7517", "9.2")
def test_nothing_private_is_in_the_set() -> None:
    """ "Private and symmetric keys MUST be protected from disclosure to unintended parties." """
    members = {member for each in key_set() for member in each}
    assert members == {"kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"}


@clause("RFC 7517", "4")
def test_no_member_is_there_twice() -> None:
    """ "The member names within a JWK MUST be unique"."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    assert json.loads(Browser().get("/jwks/").content, object_pairs_hook=once)
