"""RFC 7515, JSON Web Signature: the form of this server's signatures, and the JWTs that it refuses."""

import re

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.protocol.jwt import ALGORITHMS, InvalidJWT
from oauth_service.tokens import keys
from tests.clauses import clause
from tests.specs.signed import CLAIMS, base64url, header_of, in_base64url, key_of, key_set, signed


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """Return the settings of an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


def refused(token: str) -> str:
    """Return the reason why a JWT is refused."""
    with pytest.raises(InvalidJWT) as refusal:
        keys.verify(token, typ=None, now=timezone.now())
    return refusal.value.detail


@clause("RFC 7515", "7.1")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_compact_serialization(algorithm: str) -> None:
    """
    "BASE64URL(UTF8(JWS Protected Header)) || '.' || BASE64URL(JWS Payload) || '.' || BASE64URL(JWS Signature)", and section 2:
    base64url "with all trailing '=' characters omitted [...] and without the inclusion of any line breaks, whitespace".
    """
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", signed(algorithm))


@clause("RFC 7515", "4.1.1")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_header_says_the_algorithm(algorithm: str) -> None:
    """ "This Header Parameter MUST be present and MUST be understood and processed by implementations." """
    token = signed(algorithm)
    assert (header_of(token)["alg"], key_of(token)["alg"]) == (algorithm, algorithm)


@clause("RFC 7515", "4.1.4")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_header_names_the_key(algorithm: str) -> None:
    """ "When used with a JWK, the "kid" value is used to match a JWK "kid" parameter value." """
    assert [each["kid"] for each in key_set()].count(header_of(signed(algorithm))["kid"]) == 1


@clause("RFC 7515", "4.1.9")
@pytest.mark.parametrize("typ", ["JWT", "logout+jwt"])
def test_the_header_says_what_it_is(typ: str) -> None:
    """ "used by JWS applications to declare the media type [...] of this complete JWS", without "application/"."""
    assert header_of(signed(typ=typ))["typ"] == typ


@clause("RFC 7515", "4.1.11")
@pytest.mark.parametrize("crit", [["exp"], [], ["https://example.com/ext"]])
def test_a_critical_extension_that_is_not_understood_is_refused(crit: list[str]) -> None:
    """
    "If any of the listed extension Header Parameters are not understood and supported by the recipient, then the JWS is
    invalid." This server uses no extensions, so it understands none.
    """
    token = signed()
    forged = in_base64url({**header_of(token), "crit": crit, "exp": 1})
    assert refused(".".join([forged, *token.split(".")[1:]]))


@clause("RFC 7515", "5.2")
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_part_is_refused(part: int) -> None:
    """ "If any of these steps fail, the signature or MAC cannot be validated." Each part is covered by the signature."""
    parts = signed().split(".")
    changed = bytearray(base64url(parts[part]))
    changed[len(changed) // 2] ^= 1
    parts[part] = in_base64url(bytes(changed))
    assert refused(".".join(parts))


@clause("RFC 7515", "5.2")
@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_another_number_of_parts_is_refused(count: int) -> None:
    """ "Parse the JWS representation to extract the serialized values"; section 9: two periods make a JWS, four a JWE."""
    assert refused(".".join([*signed().split("."), "x", "x"][:count]))


@clause("RFC 7515", "6")
def test_no_key_is_taken_from_the_token() -> None:
    """
    Key identification by `jwk`, `jku` or `x5u` would let senders of a token choose the key. Only "kid" is read, and looked up
    among this server's own keys.
    """
    token = signed("ES256")
    own = {"jwk": key_of(token), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert"}
    for name, value in own.items():
        header = {"alg": "ES256", "typ": "JWT", "kid": "ES256-evil", name: value}
        assert "not one of this server's" in refused(".".join([in_base64url(header), *token.split(".")[1:]]))


@clause("RFC 7515", "5.2")
def test_any_text_is_verified_as_it_was_signed() -> None:
    """The signature covers the octets that were sent, and the claims come back unchanged."""
    token = signed(claims=CLAIMS | {"name": "Jürgen <&> \u2028"})
    assert keys.verify(token, typ="JWT", now=timezone.now())["name"] == "Jürgen <&> \u2028"
