"""JWT access tokens on a user's whole way: authorization request, code and refresh."""

from typing import Any

import jwt as pyjwt

from oauth_service.models import Resource
from tests.openid.conftest import RelyingParty

API = "https://api.example/pills"


def claims_of(rp: RelyingParty, token: str) -> dict[str, Any]:
    """Return the claims, verified by the published key that the token names."""
    kid = pyjwt.get_unverified_header(token)["kid"]
    [key] = [pyjwt.PyJWK(each) for each in rp.server.get("/jwks/").json()["keys"] if each["kid"] == kid]
    claims: dict[str, Any] = pyjwt.decode(
        token, key, algorithms=[key.algorithm_name], audience=API, issuer="https://id.example"
    )
    return claims


def test_a_code_and_a_refresh_give_jwts(rp: RelyingParty) -> None:
    """The second token differs from the first in its time and jti only. The ID token belongs to it (at_hash)."""
    Resource.objects.create(identifier=API, name="Pills", token_format="jwt", is_for_all=True)
    tokens = rp.tokens(scope="openid profile", resource=API)
    renewed = rp.refresh(tokens["refresh_token"]).json()
    first, second = (claims_of(rp, each["access_token"]) for each in (tokens, renewed))
    own = {"iat", "exp", "jti"}
    assert {name: first[name] for name in first.keys() - own} == {name: second[name] for name in second.keys() - own}
    assert (first["jti"] != second["jti"], first["sub"], first["scope"].split()) == (
        True,
        rp.claims(tokens["id_token"])["sub"],
        ["openid", "profile"],
    )
