"""RFC 9068, JSON Web Token (JWT) Profile for OAuth 2.0 Access Tokens."""

import json
from typing import Any

import jwt
import pytest
from pytest_django import Settings

from oauth_service.models import Resource
from tests.clauses import clause
from tests.guide import SECRET, Guide

API = "https://api.example/pills"


@pytest.fixture
def token(guide: Guide, settings: Settings) -> str:
    """Return a client's own access token for an API that uses JWTs."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "You", "profile": "Your name", "openid": "Sign you in"}
    Resource.objects.create(identifier=API, name="Pills", token_format="jwt", is_for_all=True)
    guide.client.grant_types = "client_credentials"
    guide.client.save()
    body = {"grant_type": "client_credentials", "client_id": "presc_man_123", "client_secret": SECRET, "resource": API}
    return str(guide.post("/token/", body).json()["access_token"])


def claims_of(guide: Guide, token: str) -> dict[str, Any]:
    """Return the claims, verified with the published key that the token names."""
    header = jwt.get_unverified_header(token)
    [key] = [each for each in guide.server.get("/jwks/").json()["keys"] if each["kid"] == header["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, jwt.PyJWK(key), algorithms=[key["alg"]], audience=API, issuer="http://localhost:8000"
    )
    return claims


@clause("RFC 9068", "2.1")
def test_it_is_signed(token: str) -> None:
    """ "JWT access tokens MUST be signed." And: "MUST NOT use "none" as the signing algorithm"; RS256 must be there."""
    assert jwt.get_unverified_header(token)["alg"] == "RS256"


@clause("RFC 9068", "2.1")
def test_its_type_is_at_jwt(token: str) -> None:
    """The type tells access tokens and ID tokens apart."""
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


@clause("RFC 9068", "2.2")
def test_every_required_claim_is_there(guide: Guide, token: str) -> None:
    """The claims are iss, exp, aud, sub, client_id, iat and jti."""
    claims = claims_of(guide, token)
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(claims)
    assert (claims["client_id"], claims["sub"]) == ("presc_man_123", "presc_man_123")


@clause("RFC 9068", "2.2.3")
def test_the_scope_is_there(guide: Guide, token: str) -> None:
    """The claim is the same as in the token response."""
    assert claims_of(guide, token)["scope"].split() == ["user", "profile"]


@clause("RFC 9068", "3")
def test_the_audience_is_the_resource_that_was_asked_for(guide: Guide, token: str) -> None:
    """ "the resulting JWT access token "aud" claim SHOULD have the same value as the "resource" parameter in the request"."""
    assert claims_of(guide, token)["aud"] == API


@clause("RFC 9068", "4")
def test_the_keys_are_where_the_metadata_says(guide: Guide, token: str) -> None:
    """The key of the token is published before it signs."""
    document = guide.server.get("/.well-known/oauth-authorization-server").json()
    kids = [each["kid"] for each in guide.server.get(document["jwks_uri"]).json()["keys"]]
    assert jwt.get_unverified_header(token)["kid"] in kids


@clause("RFC 9068", "4")
@pytest.mark.parametrize("header", [{"alg": "none"}, {"typ": "JWT"}])
def test_another_header_is_refused(guide: Guide, token: str, header: dict[str, str]) -> None:
    """ "The resource server MUST reject any JWT in which the value of "alg" is "none"." Other types are refused, too."""
    first, rest = token.split(".", 1)
    changed = jwt.get_unverified_header(token) | header
    forged = f"{jwt.utils.base64url_encode(json.dumps(changed).encode()).decode()}.{rest}"
    assert first != forged.split(".")[0]
    assert guide.userinfo(forged).status_code == 401
