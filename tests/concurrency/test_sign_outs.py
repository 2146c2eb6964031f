"""
Sign-outs with requests in flight: afterwards nothing of the session is accepted (Back-Channel Logout section 2.7).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.outbound import deliveries
from tests.concurrency.threads import stopped, together
from tests.openid.conftest import CALLBACK, SCOPES, SECRET, RelyingParty

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = range(4)


@pytest.fixture
def rp(settings: Settings, alice: User, monkeypatch: pytest.MonkeyPatch) -> RelyingParty:
    """A client of an OpenID Provider. No background thread sends messages."""
    monkeypatch.setattr(deliveries, "wake", lambda: None)
    settings.OAUTH_SERVICE_SCOPES, settings.OAUTH_SERVICE_ISSUER = SCOPES, "https://id.example"
    client = Client(client_id="rp", name="RP", redirect_uris=CALLBACK, scope=" ".join(SCOPES), requires_pkce=False)
    client.backchannel_logout_uri = "https://rp.example/backchannel"
    client.choose_secret(SECRET)
    client.save()
    return RelyingParty(client, alice)


def sign_out(rp: RelyingParty, tokens: dict[str, Any]) -> Any:
    """Sign out at the client's request, with a hint."""
    return rp.browser.get("/oauth/logout/", {"id_token_hint": tokens["id_token"]})


def is_dead(rp: RelyingParty, answer: Any) -> bool:
    """Return whether no token of a response is accepted. A refusal has none."""
    if answer.status_code != 200:
        return True
    tokens = answer.json()
    used = [rp.userinfo(tokens["access_token"]), rp.refresh(tokens["refresh_token"])]
    return all(response.status_code >= 400 for response in used)


def _refresh(rp: RelyingParty, tokens: dict[str, Any]) -> Callable[[], Any]:
    return partial(rp.refresh, tokens["refresh_token"])


def _exchange(rp: RelyingParty, _tokens: dict[str, Any]) -> Callable[[], Any]:
    return partial(rp.exchange, rp.connect()["code"])


@pytest.mark.parametrize("way", [_refresh, _exchange])
def test_what_a_sign_out_overtakes_is_dead(rp: RelyingParty, way: Any) -> None:
    """The request read a live session, and writes after the session has ended."""
    tokens = rp.tokens()
    with stopped(way(rp, tokens)) as request:
        assert sign_out(rp, tokens).status_code == 200
    assert is_dead(rp, request.result())


@pytest.mark.parametrize("way", [_refresh, _exchange])
def test_what_overtakes_a_sign_out_is_dead(rp: RelyingParty, way: Any) -> None:
    """The request gets its response while the sign-out is in progress."""
    tokens = rp.tokens()
    call = way(rp, tokens)
    with stopped(partial(sign_out, rp, tokens)):
        answer = call()
    assert (answer.status_code, is_dead(rp, answer)) == (200, True)


@pytest.mark.parametrize("way", [_refresh, _exchange])
def test_what_meets_a_sign_out_is_dead(rp: RelyingParty, way: Any) -> None:
    """The order of the requests does not matter."""
    for _ in ROUNDS:
        tokens = rp.tokens()
        calls = [way(rp, tokens) for _ in range(5)]
        signed_out, *answers = together(partial(sign_out, rp, tokens), *calls)
        assert signed_out.status_code == 200
        assert all(is_dead(rp, answer) for answer in answers)
