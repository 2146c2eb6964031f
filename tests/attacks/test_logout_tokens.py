"""Logout tokens: each message is a separate token, and none gives access to anything."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
import time_machine
from django.utils import timezone

from oauth_service.models import Delivery
from oauth_service.outbound import deliveries, fetch
from tests.actors import FORM
from tests.clauses import clause
from tests.openid.conftest import RelyingParty, answer_of


@pytest.fixture
def told(rp: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the logout tokens of a sign-out whose client accepts only the second one."""
    tokens: list[str] = []

    def take(_url: str, *, body: bytes, **_: Any) -> fetch.Response:
        tokens.append(parse_qs(body.decode())["logout_token"][0])
        return fetch.Response(200 if len(tokens) > 1 else 503, {}, b"")

    monkeypatch.setattr(deliveries, "wake", lambda: None)
    monkeypatch.setattr(fetch, "fetch", take)
    rp.client.backchannel_logout_uri = "https://rp.example/backchannel"
    rp.client.save()
    rp.connect()
    rp.browser.post("/logout/")
    deliveries.deliver_due(now=timezone.now())
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        deliveries.deliver_due(now=timezone.now())
    return tokens


@clause("OpenID Connect Back-Channel Logout 1.0", "2.6")
def test_each_attempt_is_another_token(rp: RelyingParty, told: list[str]) -> None:
    """A client that remembers jti refuses a replayed token but accepts a new one; each is valid for two minutes."""
    first, second = map(rp.claims, told)
    assert (first["jti"] != second["jti"], second["iat"] - first["iat"] >= 3600) == (True, True)
    assert [(each["aud"], each["exp"] - each["iat"]) for each in (first, second)] == [("rp", 120)] * 2
    assert (first["sid"], first["sub"]) == (second["sid"], second["sub"])
    assert not Delivery.objects.exists()


@clause("OpenID Connect Back-Channel Logout 1.0", "4")
def test_a_logout_token_opens_nothing_here(rp: RelyingParty, told: list[str]) -> None:
    """A client may leak a logout token; it must be useless for anything else."""
    rp.connect()
    for token in told:
        assert rp.userinfo(token).status_code == 401
        assert rp.refresh(token).status_code == 400
        assert rp.exchange(token).status_code == 400
        assert answer_of(rp.ask(prompt="none", id_token_hint=token))["error"] == "invalid_request"
        assert rp.browser.get("/oauth/logout/", {"id_token_hint": token}).status_code == 400
        body = urlencode({"token": token, **rp.credentials})
        assert rp.server.post("/oauth/revoke/", body, content_type=FORM).status_code == 200
    assert rp.browser.get("/manage-apps/").status_code == 200
