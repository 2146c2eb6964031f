"""The userinfo endpoint of an OpenID Provider (OpenID Connect Core 1.0 section 5.3)."""

import json
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.protocol.claims_request import CLAIMS_OF_SCOPE, SCOPE_OF_CLAIM
from tests.actors import FORM
from tests.clauses import clause
from tests.openid.conftest import SCOPES, RelyingParty


@clause("OpenID Connect Core 1.0", "5.3")
def test_openid_alone_tells_the_sub(rp: RelyingParty, alice: User) -> None:
    """The endpoint accepts GET and POST, with the token in the header or in the body."""
    token = rp.tokens()["access_token"]
    answers = [
        rp.userinfo(token),
        rp.server.post("/userinfo/", headers={"Authorization": f"Bearer {token}"}),
        rp.server.post("/userinfo/", urlencode({"access_token": token}), content_type=FORM),
    ]
    assert [answer.json() for answer in answers] == [{"sub": str(alice.pk)}] * 3


@clause("RFC 6750", "2.2")
@pytest.mark.parametrize("token", ["", "AT_nonsense", "AT_\u00e9", "a b"])
def test_a_token_in_the_body_is_verified_like_any_other(rp: RelyingParty, token: str) -> None:
    """The client gets an error of RFC 6750 for a malformed or missing token, never a 500."""
    response = rp.server.post("/userinfo/", urlencode({"access_token": token}), content_type=FORM)
    assert (response.status_code in (400, 401), "WWW-Authenticate" in response) == (True, True)


@clause("OpenID Connect Core 1.0", "5.3.2")
def test_a_client_can_register_signed_answers(rp: RelyingParty, alice: User) -> None:
    """ "If the UserInfo Response is signed [...] the response MUST contain the Claims iss and aud." """
    rp.client.userinfo_signed_response_alg = "ES256"
    rp.client.save()
    response = rp.userinfo(rp.tokens(scope="openid email")["access_token"])
    claims = rp.claims(response.content.decode(), alg="ES256")
    assert (response["Content-Type"], claims["iss"], claims["aud"], claims["sub"], claims["email"]) == (
        "application/jwt",
        "https://id.example",
        "rp",
        str(alice.pk),
        "alice@example.com",
    )


@clause("OpenID Connect Core 1.0", "8.1")
def test_pairwise_subjects_differ_by_sector_and_stay_the_same(
    rp: RelyingParty, alice: User, provider: Settings
) -> None:
    """
    Two clients of one sector see the same sub, and a client of another sector sees another. ID token and userinfo
    agree.
    """
    provider.OAUTH_SERVICE_PAIRWISE_KEY = "k" * 40

    def subs(client_id: str, host: str) -> tuple[str, str]:
        client = Client(
            client_id=client_id,
            name=client_id,
            redirect_uris=f"https://rp.example/callback\n{host}",
            scope="openid",
            requires_pkce=False,
            subject_type="pairwise",
            sector_identifier_uri=host,
        )
        client.choose_secret("a secret that a person chose")
        client.save()
        party = RelyingParty(client, alice)
        tokens = party.tokens()
        return party.claims(tokens["id_token"])["sub"], party.userinfo(tokens["access_token"]).json()["sub"]

    one, same, other = (
        subs("one", "https://a.example/s"),
        subs("two", "https://a.example/t"),
        subs("three", "https://b.example/s"),
    )
    assert one[0] == one[1] == same[0]
    assert other[0] != one[0] != str(alice.pk)


def test_a_pairwise_client_without_a_key_is_the_operators_to_mend(rp: RelyingParty) -> None:
    """The log has a clear reason, and nothing is issued that would have to change later."""
    rp.client.subject_type = "pairwise"
    rp.client.save()
    code = rp.connect()["code"]
    assert rp.exchange(code).json()["error"] == "server_error"


@pytest.mark.parametrize("taken", CLAIMS_OF_SCOPE)
def test_a_claim_that_was_asked_for_by_name_ends_with_its_scope(
    rp: RelyingParty, provider: Settings, taken: str
) -> None:
    """Staff who take a scope from a client also end its claims, here and in the ID token of a refresh."""
    provider.OAUTH_SERVICE_CLAIMS = "tests.openid.test_userinfo.everything"
    names = dict.fromkeys(SCOPE_OF_CLAIM)
    refresh_token = rp.tokens(claims=json.dumps({"userinfo": names, "id_token": names}))["refresh_token"]
    rp.client.scope = " ".join(name for name in SCOPES if name != taken)
    rp.client.save()
    tokens = rp.refresh(refresh_token).json()
    for told in (rp.claims(tokens["id_token"]), rp.userinfo(tokens["access_token"]).json()):
        assert set(SCOPE_OF_CLAIM) - told.keys() == set(CLAIMS_OF_SCOPE[taken])


def everything(user: User, scope: frozenset[str]) -> dict[str, object]:
    """Return every claim, as a project that knows them all."""
    return {name: "known" for name, of in SCOPE_OF_CLAIM.items() if of in scope}
