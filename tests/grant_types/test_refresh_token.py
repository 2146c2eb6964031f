"""grant_type=refresh_token: an honest client keeps its connection, a thief never does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Consent, Grant
from tests.database import ALIAS
from tests.guide import REDIRECT_URI, Guide


def refusal_of(response: object, error: str = "invalid_grant") -> str:
    """Return the sentence of a refusal."""
    said: dict[str, str] = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, said["error"]) == (400, error)  # type: ignore[attr-defined]
    return said["error_description"]


# -- renewing --------------------------------------------------------------------------------------------------------


def test_a_refresh_changes_one_row_and_adds_none(guide: Guide) -> None:
    """The grant is the connection, so refreshing any number of times adds nothing."""
    tokens = guide.tokens()
    for _ in range(5):
        tokens = guide.refresh(tokens["refresh_token"]).json()
    grant = Grant.objects.get()
    assert (grant.generation, Consent.objects.count()) == (5, 1)
    assert guide.is_alive(tokens["access_token"])


def test_access_tokens_from_before_live_their_time_out(guide: Guide) -> None:
    """Requests that are under way with the old token must not fail."""
    first = guide.tokens()
    guide.refresh(first["refresh_token"])
    assert guide.is_alive(first["access_token"])


def test_every_refresh_starts_the_lifetime_anew(guide: Guide) -> None:
    """The connection ends after thirty days without a refresh; a client that refreshes every month keeps it."""
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        tokens = guide.tokens()
    with time_machine.travel(start + timedelta(days=29), tick=False):
        tokens = guide.refresh(tokens["refresh_token"]).json()
    with time_machine.travel(start + timedelta(days=58), tick=False):
        tokens = guide.refresh(tokens["refresh_token"]).json()
    with time_machine.travel(start + timedelta(days=88), tick=False):
        assert refusal_of(guide.refresh(tokens["refresh_token"])) == "the refresh token is not valid"


def test_an_access_token_may_have_less(guide: Guide) -> None:
    """The refresh token keeps the whole scope (RFC 6749 section 6)."""
    narrow = guide.refresh(guide.tokens()["refresh_token"], scope="user").json()
    assert narrow["scope"] == "user"
    assert guide.refresh(narrow["refresh_token"]).json()["scope"] == "user profile"


@pytest.mark.parametrize("scope", ["user profile calendar", "calendar", 'user "'])
def test_it_may_not_have_more(guide: Guide, scope: str) -> None:
    """Asking for more uses nothing up."""
    refresh_token = guide.tokens(scope="user profile")["refresh_token"]
    Client.objects.update(scope="user profile calendar")
    refusal_of(guide.refresh(refresh_token, scope=scope), "invalid_scope")
    assert Grant.objects.get().generation == 0


# -- lost answers ----------------------------------------------------------------------------------------------------


def test_a_lost_answer_is_given_again(guide: Guide) -> None:
    """The response has the same successor and a new access token: a bad network must not sign anyone out."""
    refresh_token = guide.tokens()["refresh_token"]
    first, again = (guide.refresh(refresh_token).json() for _ in range(2))
    assert first["refresh_token"] == again["refresh_token"]
    assert first["access_token"] != again["access_token"]
    assert [guide.is_alive(tokens["access_token"]) for tokens in (first, again)] == [True, True]
    assert Grant.objects.get().generation == 1


def test_a_retry_may_ask_for_less_too(guide: Guide) -> None:
    """The retry is answered as the first attempt would have been."""
    refresh_token = guide.tokens()["refresh_token"]
    guide.refresh(refresh_token)
    assert guide.refresh(refresh_token, scope="user").json()["scope"] == "user"


@pytest.mark.parametrize(("seconds", "is_retry"), [(0, True), (119, True), (120, True), (121, False)])
def test_a_retry_has_two_minutes(guide: Guide, seconds: int, is_retry: bool) -> None:
    """After that it is a replay: the connection ends, even for the client with the newer token."""
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        old = guide.tokens()["refresh_token"]
        new = guide.refresh(old).json()
    with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
        assert (guide.refresh(old).status_code == 200) == is_retry
        assert (guide.refresh(new["refresh_token"]).status_code == 200) == is_retry


def test_the_window_is_a_setting(guide: Guide, settings: Settings) -> None:
    """Zero means strict rotation."""
    settings.OAUTH_SERVICE_REFRESH_RETRY_WINDOW = timedelta(0)
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        old = guide.tokens()["refresh_token"]
        guide.refresh(old)
    with time_machine.travel(start + timedelta(milliseconds=1), tick=False):
        assert refusal_of(guide.refresh(old)) == "the refresh token was already used"


def test_a_retry_ends_when_its_successor_was_used(guide: Guide) -> None:
    """Since the successor was used, its response had arrived: somebody else has the old token."""
    old = guide.tokens()
    new = guide.refresh(old["refresh_token"]).json()
    newest = guide.refresh(new["refresh_token"]).json()
    assert refusal_of(guide.refresh(old["refresh_token"])) == "the refresh token was already used"
    assert [guide.is_alive(tokens["access_token"]) for tokens in (old, new, newest)] == [False] * 3
    refusal_of(guide.refresh(newest["refresh_token"]))
    assert Grant.objects.count() == 0


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: User.objects.update(is_active=False), "the user is inactive, or no backend lets them in"),
        (lambda: Consent.objects.all()._raw_delete(ALIAS), "unknown, revoked or expired"),
        (lambda: Grant.objects.all().delete(), "unknown, revoked or expired"),
        (lambda: User.objects.all().delete(), "unknown, revoked or expired"),
    ],
    ids=["user off", "consent gone", "grant gone", "user gone"],
)
def test_a_refresh_token_is_void_without_what_it_hangs_on(
    guide: Guide, caplog: pytest.LogCaptureFixture, change: Callable[[], object], reason: str
) -> None:
    """The operator is told the reason, the client is not."""
    refresh_token = guide.tokens()["refresh_token"]
    change()
    assert refusal_of(guide.refresh(refresh_token)) == "the refresh token is not valid"
    assert reason in caplog.text


def test_who_was_deactivated_for_a_while_loses_nothing(guide: Guide) -> None:
    """A refusal uses nothing up."""
    refresh_token = guide.tokens()["refresh_token"]
    User.objects.update(is_active=False)
    refusal_of(guide.refresh(refresh_token))
    User.objects.update(is_active=True)
    assert guide.refresh(refresh_token).status_code == 200


def test_what_was_taken_from_the_client_is_not_renewed(guide: Guide) -> None:
    """The scope of the response says what is left; if nothing is left, the refresh is refused."""
    tokens = guide.tokens()
    Client.objects.update(scope="profile")
    renewed = guide.refresh(tokens["refresh_token"]).json()
    assert renewed["scope"] == "profile"
    Client.objects.update(scope="calendar")
    assert refusal_of(guide.refresh(renewed["refresh_token"]), "invalid_scope") == "nothing is left of the scope"
    Client.objects.update(scope="user profile")
    assert guide.refresh(renewed["refresh_token"]).json()["scope"] == "user profile"


def test_another_client_spends_nothing(guide: Guide) -> None:
    """The client's credentials are valid, but the token is another client's."""
    stranger = Client(client_id="stranger", name="Stranger", redirect_uris=REDIRECT_URI)
    stranger.choose_secret("its own")
    stranger.save()
    old = guide.tokens()["refresh_token"]
    new = guide.refresh(old).json()["refresh_token"]
    newest = guide.refresh(new).json()
    theirs: dict[str, Any] = {"client_id": "stranger", "client_secret": "its own"}
    for token in (old, new, newest["refresh_token"]):
        assert refusal_of(guide.refresh(token, **theirs)) == "the refresh token is not valid"
    assert guide.is_alive(newest["access_token"])
    assert guide.refresh(newest["refresh_token"]).status_code == 200


@pytest.mark.parametrize("text", ["nonsense", "RT_", "RT_AAAA", "SPL__" + "A" * 66, "RT_" + "A" * 5000])
def test_what_is_no_refresh_token_is_refused_unread(guide: Guide, text: str) -> None:
    """Tokens of another kind are refused, too."""
    assert refusal_of(guide.refresh(text)) == "the token is not genuine"


def test_an_access_token_does_not_refresh(guide: Guide) -> None:
    """A changed prefix does not help."""
    access_token = guide.tokens()["access_token"]
    refusal_of(guide.refresh(access_token))
    refusal_of(guide.refresh("RT_" + access_token.removeprefix("AT_")))
    assert guide.is_alive(access_token)


def test_a_database_that_was_set_back_ends_nothing(guide: Guide, caplog: pytest.LogCaptureFixture) -> None:
    """
    The token is genuine, but newer than the backup. This is not theft, but the token has no successor. The log suggests the
    cause.
    """
    new = guide.refresh(guide.tokens()["refresh_token"]).json()["refresh_token"]
    Grant.objects.update(generation=0)
    assert refusal_of(guide.refresh(new)) == "the refresh token is not valid"
    assert "generation 1 was never issued; was an old backup of the database restored?" in caplog.text
    assert Grant.objects.count() == 1


def test_moving_to_a_token_key_ends_no_connection(guide: Guide, settings: Settings) -> None:
    """Tokens sealed with the old key, even SECRET_KEY, stay valid while it is among the fallbacks."""
    tokens = guide.tokens()
    settings.OAUTH_SERVICE_TOKEN_KEY = "k" * 32
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [settings.SECRET_KEY]
    renewed = guide.refresh(tokens["refresh_token"]).json()
    settings.OAUTH_SERVICE_TOKEN_KEY = "l" * 32
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = ["k" * 32, settings.SECRET_KEY]
    assert [guide.is_alive(pair["access_token"]) for pair in (tokens, renewed)] == [True, True]
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = ["k" * 32]
    assert [guide.is_alive(pair["access_token"]) for pair in (tokens, renewed)] == [False, True]
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = []
    assert [guide.is_alive(pair["access_token"]) for pair in (tokens, renewed)] == [False, False]
