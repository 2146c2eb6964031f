"""/token/: client authentication and the form of the response, for every grant type."""

from collections.abc import Callable

import pytest

from oauth_service.models import AuthorizationCode, Client, Grant, purge
from tests.endpoints.conftest import Reasons
from tests.guide import JSON, Guide


@pytest.mark.parametrize("as_form", [False, True], ids=["JSON", "form"])
@pytest.mark.parametrize("path", ["/token/", "/token"])
def test_the_answer_is_the_guides(guide: Guide, as_form: bool, path: str) -> None:
    """
    The response has exactly these members in this order for every encoding of the request, and caches may not store it.
    """
    body = {
        "grant_type": "authorization_code",
        "code": guide.code(),
        "redirect_uri": "http://127.0.0.1:5000/callback",
        "client_id": "presc_man_123",
        "client_secret": "ITS_A_VERY_SECRET_KEY",
    }
    response = guide.post(path, body, as_form=as_form)
    answer = response.json()
    assert list(answer) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "user profile")
    assert (answer["access_token"][:3], answer["refresh_token"][:3]) == ("AT_", "RT_")
    assert (response["Content-Type"], response["Cache-Control"], response["Pragma"]) == (
        JSON,
        "private, no-store",
        "no-cache",
    )
    assert not response.cookies


@pytest.mark.parametrize(
    "grant_type", ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "x" * 300]
)
def test_a_grant_type_that_is_not_there_is_said_to_be_so(guide: Guide, reasons: Reasons, grant_type: str) -> None:
    """The error does not echo the grant type; the log has it, cut to a length."""
    response = guide.exchange("SPL__any", grant_type=grant_type)
    refusal = response.json()
    assert (response.status_code, refusal["error"]) == (400, "unsupported_grant_type")
    assert grant_type[:20] not in refusal["error_description"]
    assert f"grant_type '{grant_type[:100]}'" in reasons()[-1]


@pytest.mark.parametrize(
    ("left", "refused"), [("refresh_token", "authorization_code"), ("authorization_code", "refresh_token")]
)
def test_a_grant_type_that_the_client_may_not_use_is_refused(guide: Guide, left: str, refused: str) -> None:
    """The refused attempt uses nothing up."""
    code, tokens = guide.code(), guide.tokens()
    Client.objects.update(grant_types=left)
    send = {
        "authorization_code": lambda: guide.exchange(code),
        "refresh_token": lambda: guide.refresh(tokens["refresh_token"]),
    }
    assert send[refused]().json()["error"] == "unauthorized_client"
    assert (AuthorizationCode.objects.count(), Grant.objects.get().generation) == (1, 0)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda guide, code: guide.exchange(code, client_secret="wrong"),
        lambda guide, code: guide.exchange(code, client_secret=""),
        lambda guide, code: guide.exchange(code, client_id="nobody"),
        lambda guide, code: guide.exchange(code, client_id="", client_secret=""),
    ],
    ids=["wrong secret", "no secret", "unknown client", "no client"],
)
def test_who_is_not_proven_gets_the_same_answer_and_spends_nothing(
    guide: Guide, request_of: Callable[[Guide, str], object]
) -> None:
    """The response is 401 with a challenge, and the code is still valid for its client."""
    code = guide.code()
    response = request_of(guide, code)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")  # type: ignore[attr-defined]
    assert response["WWW-Authenticate"] == 'Basic realm="oauth_service", charset="UTF-8"'  # type: ignore[index]
    assert guide.exchange(code).status_code == 200


def test_the_sweep_rides_on_token_requests(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be scheduled."""
    guide.tokens()
    dead = Grant.objects.get()
    code = guide.code()
    Grant.objects.update(purge_at=dead.created_at)
    monkeypatch.setattr(purge, "_next_at", 0.0)
    assert guide.exchange(code).status_code == 200
    assert not Grant.objects.filter(pk=dead.pk).exists()
