"""RFC 7519, JSON Web Token: claims with a signature, and JWTs that are refused."""

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.protocol.jwt import ALGORITHMS, InvalidJWT
from oauth_service.tokens import keys
from tests.clauses import clause
from tests.specs.signed import CLAIMS, base64url, header_of, in_base64url, signed


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """Return the settings of an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


def sealed(payload: object, algorithm: str = "ES256") -> str:
    """Sign any payload with this server's own key."""
    key = keys._ring.signing(algorithm, now=timezone.now())
    signing_input = f"{in_base64url({'alg': algorithm, 'kid': key.kid, 'typ': 'JWT'})}.{in_base64url(payload)}"
    return f"{signing_input}.{in_base64url(key.sign(signing_input.encode()))}"


@clause("RFC 7519", "3")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_jwt_is_claims_in_a_jws(algorithm: str) -> None:
    """
    "A JWT is represented as a sequence of URL-safe parts separated by period ('.') characters." The claims come back
    unchanged.
    """
    token = signed(algorithm)
    assert len(token.split(".")) == 3
    assert keys.verify(token, typ="JWT", now=timezone.now()) == CLAIMS


@clause("RFC 7519", "5.1")
def test_the_type_is_upper_case() -> None:
    """ "it is RECOMMENDED that "JWT" always be spelled using uppercase characters for compatibility"."""
    assert header_of(signed())["typ"] == "JWT"


@clause("RFC 7519", "6")
@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_an_unsecured_jwt_is_refused(algorithm: str) -> None:
    """Section 8 limits "none" to parties that have agreed on it. This server has not, with a signature or without."""
    token = signed()
    header = in_base64url(header_of(token) | {"alg": algorithm})
    for signature in ("", token.split(".")[2]):
        with pytest.raises(InvalidJWT):
            keys.verify(f"{header}.{token.split('.')[1]}.{signature}", typ=None, now=timezone.now())


@clause("RFC 7519", "7.2")
@pytest.mark.parametrize("payload", [[], "text", 7, None, True, b"", b"{", b"\xff", b"[" * 5000])
def test_a_payload_that_is_no_object_is_refused(payload: Any) -> None:
    """
    "Verify that the resulting octet sequence is a UTF-8-encoded representation of a completely valid JSON object" -- even if
    this server has signed it.
    """
    with pytest.raises(InvalidJWT):
        keys.verify(sealed(payload), typ=None, now=timezone.now())


@clause("RFC 7519", "7.2")
def test_the_proof_above_is_one() -> None:
    """A payload that is an object is accepted if it is signed in the same way."""
    assert keys.verify(sealed(CLAIMS), typ="JWT", now=timezone.now()) == CLAIMS


@clause("RFC 7519", "7.1")
def test_claims_are_json_in_utf_8() -> None:
    """ "Let the Message be the octets of the UTF-8 representation of the JWT Claims Set." """
    payload = base64url(signed(claims={"name": "Zoë"}).split(".")[1])
    assert payload.decode() in ('{"name":"Zo\\u00eb"}', '{"name":"Zoë"}')
