"""/oauth/revoke/: an access token ends alone, a refresh token ends its grant, and strangers learn nothing."""

import pytest
from django.contrib.auth.models import User

from oauth_service.models import Client, Consent, Grant, RevokedToken
from tests.guide import Guide


@pytest.fixture
def stranger(alice: User) -> Guide:
    """Another client with its own credentials, which can send the guide's messages, too."""
    client = Client(client_id="stranger", name="Stranger", redirect_uris="http://127.0.0.1:5000/callback")
    client.requires_pkce = False
    client.choose_secret("ITS_A_VERY_SECRET_KEY")
    client.save()
    return Guide(alice, client)


@pytest.mark.parametrize("as_form", [False, True], ids=["JSON", "form"])
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "nonsense"])
def test_an_access_token_dies_alone(guide: Guide, as_form: bool, hint: str) -> None:
    """The hint does not matter, and the refresh token still works."""
    tokens = guide.tokens()
    response = guide.revoke(tokens["access_token"], as_form=as_form, token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert not guide.is_alive(tokens["access_token"])
    assert guide.is_alive(guide.refresh(tokens["refresh_token"]).json()["access_token"])


@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token"])
def test_a_refresh_token_takes_everything_of_its_grant_along(guide: Guide, hint: str) -> None:
    """Other devices' grants and the consent stay."""
    tokens, other = guide.tokens(), guide.tokens()
    renewed = guide.refresh(tokens["refresh_token"]).json()
    response = guide.revoke(renewed["refresh_token"], token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    alive = [guide.is_alive(pair["access_token"]) for pair in (tokens, renewed, other)]
    assert alive == [False, False, True]
    assert guide.refresh(renewed["refresh_token"]).json()["error"] == "invalid_grant"
    assert (Consent.objects.count(), Grant.objects.count(), RevokedToken.objects.count()) == (1, 1, 0)


def test_an_old_refresh_token_ends_the_grant_too(guide: Guide) -> None:
    """
    The token is genuine and its holder wants it to end: the client may have missed the response with the newer one.
    """
    tokens = guide.tokens()
    renewed = guide.refresh(tokens["refresh_token"]).json()
    guide.revoke(tokens["refresh_token"])
    assert not guide.is_alive(renewed["access_token"])


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_second_time_is_as_good_as_the_first(guide: Guide, kind: str) -> None:
    """A client that missed the response sends the request again."""
    token = guide.tokens()[kind]
    assert [guide.revoke(token).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "token",
    ["nonsense", "AT_nonsense", "RT_nonsense", "SPL__nonsense", "AT_" + "A" * 5000, "é"],
)
def test_what_is_no_token_is_revoked_already(guide: Guide, token: str) -> None:
    """The response is 200, because there is nothing left to do for the client."""
    tokens = guide.tokens()
    assert guide.revoke(token).status_code == 200
    assert guide.is_alive(tokens["access_token"])


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_forged_token_revokes_nothing(guide: Guide, kind: str) -> None:
    """Knowing the id of a grant does not help to make a token of it."""
    tokens = guide.tokens()
    forged = tokens[kind][:-2] + ("AA" if not tokens[kind].endswith("AA") else "QQ")
    assert guide.revoke(forged).status_code == 200
    assert (Grant.objects.count(), guide.is_alive(tokens["access_token"])) == (1, True)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_another_clients_token_is_untouched(guide: Guide, stranger: Guide, kind: str) -> None:
    """The response does not even reveal that the token exists."""
    tokens = guide.tokens()
    response = stranger.revoke(tokens[kind])
    assert (response.status_code, response.content) == (200, b"")
    assert guide.is_alive(tokens["access_token"])
    assert guide.refresh(tokens["refresh_token"]).status_code == 200


def test_a_code_is_no_token(guide: Guide) -> None:
    """A code ends when it is exchanged or expires."""
    code = guide.code()
    guide.revoke(code)
    assert guide.exchange(code).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_who_is_not_proven_revokes_nothing(guide: Guide, kind: str) -> None:
    """Otherwise anyone who finds a token in a log could end connections."""
    tokens = guide.tokens()
    assert guide.revoke(tokens[kind], client_secret="wrong").status_code == 401
    assert guide.is_alive(tokens["access_token"])


def test_what_is_to_be_revoked_must_be_said(guide: Guide) -> None:
    """A client that sends no token would wrongly believe that it has ended the connection."""
    response = guide.revoke("")
    assert (response.status_code, response.json()["error_description"]) == (400, "token is missing")


def test_rows_of_revoked_tokens_go_with_their_expiry(guide: Guide) -> None:
    """An expired token needs no row to stay invalid."""
    tokens = guide.tokens()
    guide.revoke(tokens["access_token"])
    row, grant = RevokedToken.objects.get(), Grant.objects.get()
    assert round((row.purge_at - grant.created_at).total_seconds()) in (3599, 3600)
