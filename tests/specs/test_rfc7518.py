"""RFC 7518, JSON Web Algorithms: keys and signatures checked by another implementation, the library cryptography."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from pytest_django import Settings

from tests.clauses import clause
from tests.specs.signed import base64url, key_of, key_set, number, signed


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """Return the settings of an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


def parts(algorithm: str) -> tuple[dict[str, Any], bytes, bytes]:
    """Sign a token; return its key, the signed octets, and the signature."""
    token = signed(algorithm)
    signing_input, _, signature = token.rpartition(".")
    return key_of(token), signing_input.encode(), base64url(signature)


def rsa_key(key: dict[str, Any]) -> rsa.RSAPublicKey:
    """Read the key of an RSA JWK."""
    return rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()


@clause("RFC 7518", "3.3")
def test_rs256_is_pkcs1_v1_5_with_sha_256() -> None:
    """ "RSASSA-PKCS1-v1_5 using SHA-256"."""
    key, signing_input, signature = parts("RS256")
    rsa_key(key).verify(signature, signing_input, padding.PKCS1v15(), SHA256())


@clause("RFC 7518", "3.5")
def test_ps256_is_pss_with_a_salt_as_long_as_the_hash() -> None:
    """ "the size of the salt value is the same size as the hash function output"."""
    key, signing_input, signature = parts("PS256")
    pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=SHA256.digest_size)
    rsa_key(key).verify(signature, signing_input, pss, SHA256())


@clause("RFC 7518", "3.4")
def test_es256_is_r_and_s_of_32_octets_each() -> None:
    """ "the JWS Signature value MUST be a 64-octet sequence", even if R or S begins with a zero."""
    for _ in range(40):  # one in 128 has a leading zero in either
        key, signing_input, signature = parts("ES256")
        assert len(signature) == 64
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    public = ec.EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), ec.SECP256R1()).public_key()
    public.verify(utils.encode_dss_signature(r, s), signing_input, ec.ECDSA(SHA256()))


@clause("RFC 8037", "3.1")
@clause("RFC 7518", "3.1")
def test_eddsa_is_ed25519() -> None:
    """RFC 8037 adds the algorithm: a signature of 64 octets over the signing input itself."""
    key, signing_input, signature = parts("EdDSA")
    assert (key["kty"], key["crv"], len(base64url(key["x"]))) == ("OKP", "Ed25519", 32)
    ed25519.Ed25519PublicKey.from_public_bytes(base64url(key["x"])).verify(signature, signing_input)


@clause("RFC 7518", "3.3")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_rsa_keys_have_2048_bits_or_more(algorithm: str) -> None:
    """ "A key of size 2048 bits or larger MUST be used with these algorithms." """
    assert rsa_key(key_of(signed(algorithm))).key_size >= 2048


@clause("RFC 7518", "6.2.1")
@pytest.mark.parametrize("member", ["x", "y"])
def test_coordinates_have_their_full_length(member: str) -> None:
    """ "The length of this octet string MUST be the full size of a coordinate": 32 octets for P-256."""
    [key] = [each for each in key_set() if each["kty"] == "EC"]
    assert (key["crv"], len(base64url(key[member]))) == ("P-256", 32)


@clause("RFC 7518", "6.3.1")
@pytest.mark.parametrize("read", [base64url], ids=["octets"])
def test_the_modulus_has_no_leading_zero(read: Callable[[str], bytes]) -> None:
    """ "implementers have found that some cryptographic libraries prefix an extra zero-valued octet [...] MUST NOT include"."""
    for key in key_set():
        if key["kty"] == "RSA":
            assert (read(key["n"])[0] != 0, read(key["e"])) == (True, b"\x01\x00\x01")
