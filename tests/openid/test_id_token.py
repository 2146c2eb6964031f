"""ID tokens at the token endpoint (OpenID Connect Core 1.0 sections 2, 3.1.3 and 12)."""

import base64
import hashlib
import time

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import AuthorizationCode, Grant, SignIn
from tests.clauses import clause
from tests.guide import Guide
from tests.openid.conftest import RelyingParty


@clause("OpenID Connect Core 1.0", "2")
def test_it_says_who_signed_in_where_and_when(rp: RelyingParty, alice: User) -> None:
    """The token has exactly these claims. The claims of scopes belong to userinfo."""
    before = int(time.time())
    claims = rp.claims(rp.tokens(scope="openid profile email")["id_token"], alg="RS256")
    assert {name: claims[name] for name in ("iss", "sub", "aud", "nonce", "amr")} == {
        "iss": "https://id.example",
        "sub": str(alice.pk),
        "aud": "rp",
        "nonce": "n-0S6_WzA2Mj",
        "amr": ["pwd"],
    }
    assert before <= claims["auth_time"] <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sid"] == SignIn.objects.get().pk.hex
    assert claims.keys() == {*("iss", "sub", "aud", "exp", "iat"), *("auth_time", "nonce", "at_hash", "sid", "amr")}


@clause("OpenID Connect Core 1.0", "3.1.3.6")
@pytest.mark.parametrize(
    ("algorithm", "digest"), [("RS256", "sha256"), ("ES256", "sha256"), ("PS256", "sha256"), ("EdDSA", "sha512")]
)
def test_at_hash_binds_the_access_token(rp: RelyingParty, algorithm: str, digest: str) -> None:
    """ "the left-most half of the hash of the octets of the ASCII representation of the access_token value"; by client."""
    rp.client.id_token_signed_response_alg = algorithm
    rp.client.save()
    tokens = rp.tokens()
    half = hashlib.new(digest, tokens["access_token"].encode()).digest()[: hashlib.new(digest).digest_size // 2]
    claims = rp.claims(tokens["id_token"], alg=algorithm)
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


@clause("OpenID Connect Core 1.0", "12.2")
def test_a_refresh_brings_another_about_the_same_sign_in(rp: RelyingParty) -> None:
    """Clients compare iss, sub, aud and auth_time with the first ID token. The second one has no nonce."""
    tokens = rp.tokens(scope="openid offline_access")
    first = rp.claims(tokens["id_token"])
    again = rp.claims(rp.refresh(tokens["refresh_token"]).json()["id_token"])
    same = ("iss", "sub", "aud", "auth_time", "sid")
    assert [again[name] for name in same] == [first[name] for name in same]
    assert "nonce" not in again


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_a_request_without_openid_gets_none(rp: RelyingParty) -> None:
    """A request of plain OAuth has neither an ID token nor a sign-in."""
    assert "id_token" not in rp.tokens(scope="profile")
    grant = Grant.objects.get()
    assert (grant.openid, grant.sign_in_id is None) == ("", True)


def test_the_guides_messages_stay_what_they_are(provider: Settings, guide: Guide) -> None:
    """A client of the guide gets the same members with and without OpenID Connect."""
    assert list(guide.tokens()) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]


def test_a_key_that_cannot_sign_costs_the_client_nothing(rp: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code stays unused, so that the next attempt can succeed."""
    from oauth_service.protocol.errors import TemporarilyUnavailable
    from oauth_service.tokens import keys

    def refuse(*_: object, **__: object) -> str:
        raise TemporarilyUnavailable("no key")

    code = rp.connect()["code"]
    with monkeypatch.context() as patch:
        patch.setattr(keys, "sign", refuse)
        assert rp.exchange(code).status_code == 503
    assert AuthorizationCode.objects.count() == 1
    assert rp.exchange(code).status_code == 200


def test_claims_asked_for_by_the_claims_parameter_are_in_it(rp: RelyingParty) -> None:
    """The client chooses where the claims appear (OpenID Connect Core section 5.5)."""
    wanted = '{"id_token": {"email": {"essential": true}, "name": {"value": "Somebody Else"}}, "userinfo": {"given_name": null}}'
    tokens = rp.tokens(claims=wanted)
    claims = rp.claims(tokens["id_token"])
    assert (claims["email"], "name" in claims) == ("alice@example.com", False)
    assert rp.userinfo(tokens["access_token"]).json() == {"sub": claims["sub"], "given_name": "Alice"}
