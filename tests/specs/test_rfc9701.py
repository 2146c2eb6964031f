"""RFC 9701, JSON Web Token (JWT) Response for OAuth Token Introspection."""

from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from pytest_django import Settings

from tests.clauses import clause
from tests.guide import SECRET, Guide, basic

JWT = "application/token-introspection+jwt"


@pytest.fixture(autouse=True)
def introspection(settings: Settings) -> None:
    """Switch introspection on before tokens are issued, with keys to sign."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    settings.OAUTH_SERVICE_SCOPES = {"user": "You", "profile": "Your name", "openid": "Sign you in"}


def ask(guide: Guide, token: str) -> Any:
    """Introspect a token as a client that wants a JWT."""
    headers = {"Authorization": basic(guide.client.client_id, SECRET), "Accept": JWT}
    return guide.server.post("/introspect/", {"token": token}, content_type="application/json", headers=headers)


def verified(guide: Guide, answer: Any) -> Any:
    """Verify a JWT with the published keys."""
    keys = KeySet.import_key_set(guide.server.get("/jwks/").json())
    return jwt.decode(answer.content.decode(), keys, algorithms=["RS256"])


@clause("RFC 9701", "4")
def test_the_accept_header_asks_for_it(guide: Guide) -> None:
    """The header names the media type of the JWT."""
    answer = ask(guide, guide.tokens()["access_token"])
    assert (answer.status_code, answer["Content-Type"]) == (200, JWT)


@clause("RFC 9701", "5")
def test_the_type_says_what_it_is(guide: Guide) -> None:
    """The type must differ from all other JWTs of this server (section 8.1)."""
    header = jws.extract_compact(ask(guide, "AT_x").content).headers()
    assert header["typ"] == "token-introspection+jwt"


@clause("RFC 9701", "5")
def test_it_has_iss_aud_iat_and_the_members_in_a_claim(guide: Guide) -> None:
    """The audience is the client that asks."""
    claims = verified(guide, ask(guide, guide.tokens()["access_token"])).claims
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}
    assert (claims["iss"], claims["aud"]) == ("http://localhost:8000", "presc_man_123")
    assert claims["token_introspection"]["active"] is True


@clause("RFC 9701", "5")
def test_sub_and_exp_are_not_at_the_top(guide: Guide) -> None:
    """Otherwise the answer could be taken for an access token (section 8.1)."""
    claims = verified(guide, ask(guide, guide.tokens()["access_token"])).claims
    assert {"sub", "exp"} & set(claims) == set()


@clause("RFC 9701", "5")
def test_an_inactive_token_has_active_false_and_nothing_else(guide: Guide) -> None:
    """The answer is the same as in JSON: a signature reveals nothing more about the token."""
    assert verified(guide, ask(guide, "AT_x")).claims["token_introspection"] == {"active": False}


@clause("RFC 9701", "7")
def test_the_metadata_says_what_signs(guide: Guide) -> None:
    """introspection_signing_alg_values_supported."""
    document = guide.server.get("/.well-known/oauth-authorization-server").json()
    assert document["introspection_signing_alg_values_supported"] == ["RS256"]
