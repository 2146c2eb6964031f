"""Checks of a JWT's header against its key."""

from typing import Any

import pytest

from oauth_service.protocol.jwt import InvalidJWT, check_header, key_id
from tests.clauses import clause


@pytest.mark.parametrize("header", [{}, {"kid": ""}, {"kid": 7}, {"kid": None}, {"kid": ["a"]}])
def test_a_jwt_that_names_no_key_is_refused(header: dict[str, object]) -> None:
    """Every JWT of this server names its key; trying all keys would only help attackers."""
    with pytest.raises(InvalidJWT):
        key_id(header)


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "PS256", "rs256", "", None, 7, ["RS256"]])
@clause("RFC 8725", "3.1")
def test_the_key_decides_about_the_algorithm(algorithm: Any) -> None:
    """Anyone could sign with the public key as the secret of HS256."""
    with pytest.raises(InvalidJWT):
        check_header({"alg": algorithm, "kid": "k"}, algorithm="RS256", typ=None)


@pytest.mark.parametrize("typ", ["logout+jwt", "at+jwt", "", None, 7])
@clause("RFC 8725", "3.11")
def test_a_jwt_of_one_kind_is_not_good_as_another(typ: Any) -> None:
    """A logout token must not pass for an ID token."""
    with pytest.raises(InvalidJWT):
        check_header({"alg": "RS256", "typ": typ}, algorithm="RS256", typ="JWT")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/JWT"])
@clause("RFC 7515", "4.1.9")
def test_a_type_has_several_spellings(typ: str) -> None:
    """Media types are compared without regard to case."""
    check_header({"alg": "RS256", "typ": typ}, algorithm="RS256", typ="JWT")


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], None])
@clause("RFC 7515", "4.1.11")
def test_an_extension_that_must_be_understood_is_not(crit: Any) -> None:
    """This server signs JWTs without extensions, so one with an extension is not its own."""
    with pytest.raises(InvalidJWT):
        check_header({"alg": "RS256", "crit": crit}, algorithm="RS256", typ=None)
