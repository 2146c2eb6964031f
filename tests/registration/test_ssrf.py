"""Registered URLs must not make this server contact machines that only it can reach."""

from typing import Any

import pytest
from pytest_django import Settings

from oauth_service.protocol.client_metadata import Kind
from oauth_service.protocol.registration import OWN_MEMBERS
from tests.attacks.test_ssrf import URLS, inside, threadless
from tests.registration.actors import Software

__all__ = ["inside", "threadless"]
MEMBERS = [each for each in URLS if each.name in OWN_MEMBERS]
FETCHED = {"logo_uri", "sector_identifier_uri"}


@pytest.mark.usefixtures("threadless", "openid")
@pytest.mark.parametrize("is_trial", [False, True], ids=["in production", "in a trial"])
@pytest.mark.parametrize("member", MEMBERS, ids=lambda each: each.name)
def test_no_url_that_is_registered_reaches_this_machine(
    software: Software, settings: Settings, inside: tuple[str, list[str]], member: Any, is_trial: bool
) -> None:
    """POST and PUT are tried. With the setting for trials, fetched URLs do arrive, so the test can fail."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = is_trial
    at, visitors = inside

    def leading_to(path: str) -> dict[str, Any]:
        url = f"https://{at}/{path}"
        return {member.name: [url] if member.kind is Kind.LINES else url}

    software.post(**({"redirect_uris": ["https://app.example/callback"]} | leading_to("new")))
    assert bool(visitors) == (is_trial and member.name in FETCHED)
    visitors.clear()
    software.register()
    software.replace(**leading_to("changed"))
    assert bool(visitors) == (is_trial and member.name in FETCHED)


def test_every_url_of_a_client_is_tried() -> None:
    """New members with URLs are tried, too."""
    assert {each.name for each in MEMBERS} >= FETCHED | {"jwks_uri", "backchannel_logout_uri", "redirect_uris"}
