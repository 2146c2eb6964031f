"""/userinfo/: the claims that a token gives access to."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Client, Consent, Grant
from tests.database import ALIAS
from tests.endpoints.conftest import Reasons
from tests.guide import FORM, Guide

USER = {"username": "alice", "email": "alice@example.com"}
NAMES = {"name": "Alice Liddell", "given_name": "Alice", "family_name": "Liddell", "preferred_username": "alice"}


def userinfo_claims(guide: Guide, scope: str) -> dict[str, Any]:
    """Return the claims for a token with this scope."""
    claims: dict[str, Any] = guide.userinfo(guide.tokens(scope=scope)["access_token"]).json()
    return claims


def test_user_tells_the_account(guide: Guide) -> None:
    """The scope is the first one of the guide."""
    assert userinfo_claims(guide, "user") == {"sub": str(guide.alice.pk), **USER}


def test_profile_tells_the_names(guide: Guide) -> None:
    """The scope is the second one of the guide."""
    joined = int(guide.alice.date_joined.timestamp())
    assert userinfo_claims(guide, "profile") == {"sub": str(guide.alice.pk), **NAMES, "updated_at": joined}


def test_both_tell_both(guide: Guide) -> None:
    """The two scopes together give no further claims."""
    assert set(userinfo_claims(guide, "user profile")) == {"sub", "updated_at", *USER, *NAMES}


def test_a_narrower_token_of_the_same_grant_tells_less(guide: Guide) -> None:
    """The scope of the token counts, not that of the consent."""
    tokens = guide.refresh(guide.tokens()["refresh_token"], scope="user").json()
    assert set(guide.userinfo(tokens["access_token"]).json()) == {"sub", *USER}


def test_what_was_taken_from_the_client_is_not_told_any_more(guide: Guide) -> None:
    """The change applies at once to tokens that were issued before."""
    access_token = guide.tokens()["access_token"]
    Client.objects.update(scope="user")
    assert set(guide.userinfo(access_token).json()) == {"sub", *USER}


def test_a_token_for_something_else_is_told_what_it_lacks(guide: Guide, reasons: Reasons) -> None:
    """The response is 403 with a challenge that names the scope (RFC 6750 section 3)."""
    Client.objects.update(scope="calendar")
    response = guide.userinfo(guide.tokens(scope="calendar")["access_token"])
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert response["WWW-Authenticate"].endswith(
        'error="insufficient_scope", error_description="the access token does not cover this", scope="user"'
    )
    assert f"grant {Grant.objects.get().pk}: it has none of the required scopes" in reasons()[-1]


def test_a_form_may_ask_by_post(guide: Guide) -> None:
    """POST is allowed by OpenID Connect Core section 5.3.1; the token is still in the header."""
    access_token = guide.tokens()["access_token"]
    headers = {"Authorization": f"Bearer {access_token}"}
    assert guide.server.post("/userinfo", "", content_type=FORM, headers=headers).json()["username"] == "alice"
    refused = guide.server.post("/userinfo/", f"access_token={access_token}", content_type=FORM)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="oauth_service"')


def test_a_session_is_no_token(guide: Guide) -> None:
    """Cookies do not count here, and none are set."""
    guide.browser.force_login(guide.alice)
    response = guide.browser.get("/userinfo/")
    assert (response.status_code, bool(response.cookies)) == (401, False)


def test_the_host_may_tell_more(guide: Guide, settings: Settings) -> None:
    """OAUTH_SERVICE_CLAIMS names the project's function."""
    settings.OAUTH_SERVICE_CLAIMS = "tests.endpoints.test_userinfo.hat_size_of"
    assert userinfo_claims(guide, "user") == {"sub": "alice", "hat_size": 7, "for": ["user"]}


def hat_size_of(user: User, scope: frozenset[str]) -> dict[str, object]:
    """Return a host project's claims."""
    return {"sub": user.get_username(), "hat_size": 7, "for": sorted(scope)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: User.objects.update(is_active=False), "the user is inactive, or no backend lets them in"),
        (lambda: Client.objects.update(is_active=False), "the client was deactivated"),
        (lambda: Consent.objects.all()._raw_delete(ALIAS), "unknown or ended"),
        (lambda: Grant.objects.all().delete(), "unknown or ended"),
        (lambda: User.objects.all().delete(), "unknown or ended"),
        (lambda: Client.objects.all().delete(), "unknown or ended"),
    ],
    ids=["user off", "client off", "consent gone", "grant gone", "user gone", "client gone"],
)
def test_a_token_dies_with_what_it_hangs_on(guide: Guide, reasons: Reasons, change: Any, reason: str) -> None:
    """The token ends at once, and the client does not learn which of these ended."""
    access_token = guide.tokens()["access_token"]
    change()
    response = guide.userinfo(access_token)
    assert (response.status_code, response.json()["error_description"]) == (401, "the access token is not valid")
    assert reason in reasons()[-1]


def test_what_was_switched_off_comes_back_when_it_is_switched_on(guide: Guide) -> None:
    """The admin promises: “nothing is lost if you return”."""
    access_token = guide.tokens()["access_token"]
    Client.objects.update(is_active=False)
    assert not guide.is_alive(access_token)
    Client.objects.update(is_active=True)
    assert guide.is_alive(access_token)
