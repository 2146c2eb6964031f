"""
grant_type=authorization_code: a code opens one grant, only for its own client, and only while user, client and consent
exist.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import AuthorizationCode, Client, Consent, Grant
from oauth_service.protocol import pkce
from tests.database import ALIAS
from tests.guide import REDIRECT_URI, Guide

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
PKCE = {"code_challenge": pkce.challenge_of(VERIFIER), "code_challenge_method": "S256"}


def row_counts() -> tuple[int, int]:
    """Return the numbers of pending codes and of grants."""
    return AuthorizationCode.objects.count(), Grant.objects.count()


def refusal_of(response: object) -> str:
    """Return the sentence of an invalid_grant."""
    said: dict[str, str] = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, said["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]
    return said["error_description"]


# -- results ---------------------------------------------------------------------------------------------------------


def test_the_grant_takes_the_place_of_the_code(guide: Guide) -> None:
    """The grant has the primary key of the code, so that a replay finds the grant that the first use made."""
    code = guide.code(scope="profile")
    pending = AuthorizationCode.objects.get()
    guide.exchange(code)
    grant = Grant.objects.get()
    assert (row_counts(), grant.pk, grant.scope, grant.generation) == ((0, 1), pending.pk, "profile", 0)
    assert grant.consent == Consent.objects.get()


def test_a_grant_lives_as_long_as_the_settings_say(guide: Guide, settings: Settings) -> None:
    """The lifetime starts at the last use."""
    settings.OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME = timedelta(days=3)
    settings.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(minutes=5)
    assert guide.tokens()["expires_in"] == 300
    grant = Grant.objects.get()
    assert grant.expires_at - grant.created_at == timedelta(days=3)
    assert timedelta(0) < grant.purge_at - grant.expires_at <= timedelta(days=1)


def test_a_client_that_cannot_refresh_gets_no_refresh_token(guide: Guide) -> None:
    """The grant lives only as long as the access token, because nothing could use it afterwards."""
    Client.objects.update(grant_types="authorization_code")
    tokens = guide.tokens()
    grant = Grant.objects.get()
    assert list(tokens) == ["access_token", "token_type", "expires_in", "scope"]
    assert grant.expires_at - grant.created_at == timedelta(hours=1)


def test_every_exchange_is_a_connection_of_its_own(guide: Guide) -> None:
    """A telephone and a laptop have separate connections: ending one does not end the other."""
    first, second = guide.tokens(), guide.tokens()
    guide.revoke(first["refresh_token"])
    assert [guide.is_alive(tokens["access_token"]) for tokens in (first, second)] == [False, True]


def test_what_was_taken_from_the_client_meanwhile_is_not_issued(guide: Guide) -> None:
    """The scope of the response says so (RFC 6749 section 5.1)."""
    code = guide.code()
    Client.objects.update(scope="profile")
    tokens = guide.exchange(code).json()
    assert tokens["scope"] == "profile"
    assert "email" not in guide.userinfo(tokens["access_token"]).json()


def test_what_was_given_to_the_client_meanwhile_is_not_issued(guide: Guide) -> None:
    """The user has not seen the new scope on the consent page."""
    code = guide.code(scope="user")
    Client.objects.update(scope="user profile calendar")
    assert guide.exchange(code).json()["scope"] == "user"


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: User.objects.update(is_active=False), "the user is inactive, or no backend lets them in"),
        (lambda: Client.objects.update(scope="calendar"), "the client may no longer have any of its scope"),
        (lambda: Consent.objects.all()._raw_delete(ALIAS), "unknown, expired or its grant ended"),
        (lambda: AuthorizationCode.objects.all().delete(), "unknown, expired or its grant ended"),
    ],
    ids=["user off", "scope gone", "consent gone", "code gone"],
)
def test_a_code_is_void_without_what_it_hangs_on(
    guide: Guide, caplog: pytest.LogCaptureFixture, change: Callable[[], object], reason: str
) -> None:
    """The operator is told the reason, the client is not."""
    code = guide.code()
    change()
    assert refusal_of(guide.exchange(code)) == "the code is not valid"
    assert reason in caplog.text
    assert Grant.objects.count() == 0


def test_a_code_waits_a_minute_and_no_longer(guide: Guide, caplog: pytest.LogCaptureFixture) -> None:
    """The code stays in the browser's history."""
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        early, late = guide.code(), guide.code()
    with time_machine.travel(start + timedelta(seconds=59), tick=False):
        assert guide.exchange(early).status_code == 200
    with time_machine.travel(start + timedelta(seconds=60), tick=False):
        assert refusal_of(guide.exchange(late)) == "the code is not valid"
    assert "expired at" in caplog.text


@pytest.mark.parametrize("text", ["nonsense", "SPL__", "SPL__AAAA", "AT_" + "A" * 66, "SPL__" + "A" * 5000, "SPL__é"])
def test_what_is_no_code_is_refused_unread(guide: Guide, text: str) -> None:
    """Tokens of another kind are refused, too."""
    assert refusal_of(guide.exchange(text)) == "the token is not genuine"


def test_an_access_token_is_no_code(guide: Guide) -> None:
    """A changed prefix does not help."""
    tokens = guide.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        refusal_of(guide.exchange(token))
        refusal_of(guide.exchange("SPL__" + token.partition("_")[2]))
    assert guide.is_alive(tokens["access_token"])


# -- possession before punishment ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": ""},
        {"code_verifier": VERIFIER[::-1]},
        {"code_verifier": "short"},
    ],
    ids=["another redirect_uri", "no redirect_uri", "unasked verifier", "malformed verifier"],
)
def test_a_client_without_full_proof_does_not_use_up_the_code(guide: Guide, changes: dict[str, Any]) -> None:
    """
    A thief with a code but no proof must not harm its owner: the code can still be exchanged, and the tokens of an
    exchange stay valid.
    """
    code = guide.code()
    refusal_of(guide.exchange(code, **changes))
    assert row_counts() == (1, 0)
    tokens = guide.exchange(code).json()
    refusal_of(guide.exchange(code, **changes))
    assert guide.is_alive(tokens["access_token"])


@pytest.mark.parametrize("verifier", ["", VERIFIER[::-1], "short"])
def test_a_code_with_a_challenge_needs_its_verifier(guide: Guide, verifier: str) -> None:
    """An attacker who stole the code from a redirect does not have the verifier."""
    code = guide.code(**PKCE)
    refusal_of(guide.exchange(code, code_verifier=verifier))
    assert guide.exchange(code, code_verifier=VERIFIER).status_code == 200


def test_a_verifier_stands_in_for_the_redirect_uri(guide: Guide) -> None:
    """OAuth 2.1 clients do not repeat redirect_uri; a wrong one is still refused."""
    code = guide.code(**PKCE)
    refusal_of(guide.exchange(code, code_verifier=VERIFIER, redirect_uri=REDIRECT_URI + "/"))
    assert guide.exchange(code, code_verifier=VERIFIER, redirect_uri="").status_code == 200


def test_another_client_spends_nothing(guide: Guide) -> None:
    """The client's credentials are valid, but the code is another client's."""
    stranger = Client(client_id="stranger", name="Stranger", redirect_uris=REDIRECT_URI)
    stranger.choose_secret("its own")
    stranger.save()
    code = guide.code()
    theirs: dict[str, Any] = {"client_id": "stranger", "client_secret": "its own"}
    assert refusal_of(guide.exchange(code, **theirs)) == "the code is not valid"
    tokens = guide.exchange(code).json()
    refusal_of(guide.exchange(code, **theirs))
    assert guide.is_alive(tokens["access_token"])


def test_a_forged_code_spends_nothing(guide: Guide) -> None:
    """Knowing the id of a code is not knowing the code."""
    code = guide.code()
    forged = code[:-2] + ("AA" if not code.endswith("AA") else "QQ")
    refusal_of(guide.exchange(forged))
    tokens = guide.exchange(code).json()
    refusal_of(guide.exchange(forged))
    assert guide.is_alive(tokens["access_token"])


def test_a_replay_ends_what_the_first_use_made(guide: Guide, caplog: pytest.LogCaptureFixture) -> None:
    """The first or the second request came from a thief. The user's other connections stay."""
    other, code = guide.tokens(), guide.code()
    tokens = guide.exchange(code).json()
    renewed = guide.refresh(tokens["refresh_token"]).json()
    assert refusal_of(guide.exchange(code)) == "the code was already used"
    assert [guide.is_alive(t["access_token"]) for t in (tokens, renewed, other)] == [False, False, True]
    assert "replayed: its grant was ended" in caplog.text
    assert refusal_of(guide.exchange(code)) == "the code is not valid"


def test_a_replay_is_found_as_long_as_the_grant_lives(guide: Guide) -> None:
    """The code's own lifetime does not matter."""
    code = guide.code()
    guide.exchange(code)
    with time_machine.travel(timezone.now() + timedelta(days=20)):
        assert refusal_of(guide.exchange(code)) == "the code was already used"
    assert row_counts() == (0, 0)
