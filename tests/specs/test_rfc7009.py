"""RFC 7009, Token Revocation."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from oauth_service.models import Grant, RevokedToken
from tests.clauses import clause
from tests.guide import SECRET, Guide, basic
from tests.specs.answers import refusal_of
from tests.specs.public import PublicGuide

HINTS = ["", "access_token", "refresh_token", "urn:example:unknown", "ACCESS_TOKEN"]


@clause("RFC 7009", "2")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("placement", ["body", "Basic"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_both_kinds_of_tokens_can_be_revoked(guide: Guide, kind: str, placement: str, as_form: bool) -> None:
    """
    "Implementations MUST support the revocation of refresh tokens and SHOULD support the revocation of access tokens". The
    answer is 200 with nothing in it.
    """
    tokens = guide.tokens()
    if placement == "body":
        response = guide.revoke(tokens[kind], as_form=as_form)
    else:
        authorization = basic(guide.client.client_id, SECRET)
        response = guide.revoke(
            tokens[kind], as_form=as_form, authorization=authorization, client_id="", client_secret=""
        )
    assert (response.status_code, response.content) == (200, b"")
    assert not guide.is_alive(tokens["access_token"])


@clause("RFC 7009", "2.1")
@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_hint_that_is_wrong_or_unknown_changes_nothing(guide: Guide, kind: str, hint: str) -> None:
    """
    "If the server is unable to locate the token using the given hint, it MUST extend its search across all of its supported
    token types." And section 2.2: "An invalid token type hint value is ignored by the authorization server and does not
    influence the revocation response."
    """
    tokens = guide.tokens()
    response = guide.revoke(tokens[kind], token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert not guide.is_alive(tokens["access_token"])
    assert Grant.objects.count() == (1 if kind == "access_token" else 0)


@clause("RFC 7009", "2.1")
def test_the_invalidation_takes_place_immediately(guide: Guide) -> None:
    """ "[...] the token cannot be used again after the revocation." """
    tokens = guide.tokens()
    guide.revoke(tokens["refresh_token"])
    assert refusal_of(guide.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@clause("RFC 7009", "2.1")
def test_a_refresh_token_takes_its_access_tokens_with_it(guide: Guide) -> None:
    """
    "If the particular token is a refresh token and the authorization server supports the revocation of access tokens, then the
    authorization server SHOULD also invalidate all access tokens based on the same authorization grant".
    """
    first = guide.tokens()
    second = guide.refresh(first["refresh_token"]).json()
    guide.revoke(second["refresh_token"])
    assert [guide.is_alive(tokens["access_token"]) for tokens in (first, second)] == [False, False]


@clause("RFC 7009", "2.1")
def test_a_refresh_token_that_was_replaced_ends_the_grant_all_the_same(guide: Guide) -> None:
    """A client that revokes a stale token wants to end its access: "all access tokens based on the same authorization grant"."""
    first = guide.tokens()
    second = guide.refresh(first["refresh_token"]).json()
    guide.revoke(first["refresh_token"])
    assert not guide.is_alive(second["access_token"])
    assert refusal_of(guide.refresh(second["refresh_token"])) == (400, "invalid_grant")


@clause("RFC 7009", "2.1")
def test_an_access_token_dies_alone(guide: Guide) -> None:
    """
    "[...] the server MAY revoke the respective refresh token as well": this server does not, so that the client can go on.
    """
    first = guide.tokens()
    second = guide.refresh(first["refresh_token"]).json()
    guide.revoke(first["access_token"])
    assert [guide.is_alive(tokens["access_token"]) for tokens in (first, second)] == [False, True]
    assert guide.refresh(second["refresh_token"]).status_code == 200


@clause("RFC 7009", "2.1")
def test_one_device_is_logged_out_and_not_the_other(guide: Guide) -> None:
    """Only this token's authorisation ends, and no other one of the same user and client."""
    here, there = guide.tokens(), guide.tokens()
    guide.revoke(here["refresh_token"])
    assert (guide.is_alive(here["access_token"]), guide.is_alive(there["access_token"])) == (False, True)


@clause("RFC 7009", "2.1")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_another_clients_token_is_untouched(guide: Guide, rival: Guide, kind: str) -> None:
    """
    "[...] verifies whether the token was issued to the client making the revocation request." The section wants "the client [...]
    informed of the error"; here the client gets the answer of section 2.2 for an invalid token, so that it does not learn which
    tokens exist.
    """
    tokens = guide.tokens()
    response = rival.revoke(tokens[kind])
    assert (response.status_code, response.content) == (200, b"")
    assert guide.is_alive(tokens["access_token"])
    assert guide.refresh(tokens["refresh_token"]).status_code == 200
    assert RevokedToken.objects.count() == 0


@clause("RFC 7009", "2.1")
@pytest.mark.parametrize(
    ("client_id", "secret"), [("presc_man_123", "wrong"), ("presc_man_123", ""), ("nobody", SECRET), ("", "")]
)
@pytest.mark.parametrize("placement", ["body", "Basic"])
def test_the_client_authenticates_first(guide: Guide, client_id: str, secret: str, placement: str) -> None:
    """ "The authorization server first validates the client credentials (in case of a confidential client)"."""
    tokens = guide.tokens()
    if placement == "body":
        response = guide.revoke(tokens["refresh_token"], client_id=client_id, client_secret=secret)
    else:
        response = guide.revoke(
            tokens["refresh_token"], authorization=basic(client_id, secret), client_id="", client_secret=""
        )
    assert refusal_of(response) == (401, "invalid_client")
    assert guide.is_alive(tokens["access_token"])


@clause("RFC 7009", "2.1")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_public_client_revokes_with_its_client_id(public: PublicGuide, kind: str) -> None:
    """
    "(in case of a confidential client)": a public client sends its client_id, and the server checks that the token is its
    own.
    """
    tokens = public.tokens()
    assert public.revoke(tokens[kind]).status_code == 200
    assert not public.is_alive(tokens["access_token"])


@clause("RFC 7009", "2.2")
@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize(
    "token", ["AT_unknown", "RT_unknown", "SPL__x", "x", "null", "RT_" + "A" * 10_000, "AT_ü", "RT_"]
)
def test_an_invalid_token_is_no_error(guide: Guide, token: str, hint: str) -> None:
    """
    "The authorization server responds with HTTP status code 200 if the token has been revoked successfully or if the client
    submitted an invalid token. Note: invalid tokens do not cause an error response since the client cannot handle such an
    error in a reasonable way."
    """
    response = guide.revoke(token, token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")


@clause("RFC 7009", "2.2")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_again_is_no_error(guide: Guide, kind: str) -> None:
    """ "[...] the purpose of the revocation request, invalidating the particular token, is already achieved." """
    token = guide.tokens()[kind]
    assert [guide.revoke(token).status_code for _ in range(3)] == [200, 200, 200]


@clause("RFC 7009", "2.2")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_an_expired_token_is_no_error(guide: Guide, kind: str) -> None:
    """An expired token is an invalid token like any other."""
    now = timezone.now()
    with time_machine.travel(now - timedelta(days=400), tick=False):
        token = guide.tokens()[kind]
    response = guide.revoke(token)
    assert (response.status_code, response.content) == (200, b"")


@clause("RFC 7009", "2.2")
def test_a_modified_token_revokes_nothing(guide: Guide) -> None:
    """Knowing a grant's id without being able to seal its token must not be enough to end it."""
    tokens = guide.tokens()
    for kind in ("access_token", "refresh_token"):
        forged = tokens[kind][:-1] + ("B" if tokens[kind][-1] != "B" else "C")
        assert guide.revoke(forged).status_code == 200
    assert guide.is_alive(tokens["access_token"])
    assert guide.refresh(tokens["refresh_token"]).status_code == 200


@clause("RFC 7009", "2.2.1")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_errors_are_those_of_the_token_endpoint(guide: Guide, as_form: bool) -> None:
    """ "The error presentation conforms to the definition in Section 5.2 of [RFC6749]." token is REQUIRED."""
    response = guide.revoke("", as_form=as_form)
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == "token is missing"
    assert refusal_of(guide.post("/oauth/revoke/?token=RT_x", {}, as_form=as_form)) == (400, "invalid_request")


@clause("RFC 7009", "2")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_revocation_takes_post_alone(guide: Guide, method: str) -> None:
    """ "The client requests the revocation of a particular token by making an HTTP POST request". No JSONP (section 2.3)."""
    response = guide.server.generic(method, "/oauth/revoke/?callback=package.myCallback")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


@clause("RFC 7009", "2.3")
def test_a_browser_may_revoke_from_another_origin(guide: Guide) -> None:
    """ "The revocation endpoint MAY support Cross-Origin Resource Sharing (CORS)". Without credentials: no cookie counts."""
    preflight = guide.server.options(
        "/oauth/revoke/", headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    )
    answer = guide.revoke(guide.tokens()["access_token"])
    for response in (preflight, answer):
        assert response["Access-Control-Allow-Origin"] == "*"
        assert not response.has_header("Access-Control-Allow-Credentials")
