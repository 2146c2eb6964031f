"""prompt and max_age: without asking, a client gets only what the user has allowed it."""

from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.utils import timezone

from oauth_service.models import Client
from tests.clauses import clause
from tests.openid.conftest import RelyingParty, answer_of


@clause("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize(
    "wider",
    [
        {"scope": "openid email"},
        {"scope": "openid offline_access"},
        {"claims": '{"userinfo": {"email": null}}'},
        {"claims": '{"id_token": {"phone_number": {"essential": true}}}'},
    ],
    ids=str,
)
def test_no_prompt_means_no_more_than_was_allowed(rp: RelyingParty, wider: dict[str, str]) -> None:
    """There are several ways to request more."""
    rp.connect()
    assert "code" in answer_of(rp.ask(prompt="none"))
    assert answer_of(rp.ask(prompt="none", **wider))["error"] == "consent_required"


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_an_app_that_proves_nothing_gets_nothing_in_silence(rp: RelyingParty) -> None:
    """Any app on a device can claim the address of another one (RFC 8252 section 8.6)."""
    rp.connect()
    rp.client.client_type, rp.client.redirect_uris = Client.ClientType.PUBLIC, "com.example.app:/callback"
    rp.client.save()
    challenge = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    response = rp.ask(prompt="none", redirect_uri="com.example.app:/callback", **challenge)
    assert parse_qs(urlsplit(response["Location"]).query)["error"] == ["consent_required"]


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_max_age_0_asks_even_in_the_same_second(rp: RelyingParty) -> None:
    """ "max_age=0 [...] is equivalent to prompt=login", even within the same second."""
    with time_machine.travel(timezone.now(), tick=False):
        rp.connect()
        assert answer_of(rp.ask(prompt="none", max_age="0"))["error"] == "login_required"
        assert rp.ask(max_age="0")["Location"].startswith("/login/?")
