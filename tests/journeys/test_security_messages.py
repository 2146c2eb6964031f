"""Alice is warned: what happened, what it means, what to do, and the button for it."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import check
from tests.journeys.stage import manage

pytestmark = pytest.mark.journey

HAPPENED = """
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.utils import timezone
from oauth_service.models import AuditEvent
now = timezone.now()
for event in ("refresh_replayed", "refresh_shared"):
    AuditEvent.objects.create(
        user=get_user_model().objects.get(username="alice"), client_id="presc_man_123", event=event, outcome="done",
        at=now, purge_at=now + timedelta(days=1), address="203.0.113.7",
    )
"""


def test_a_stolen_key_is_told_above_everything_else_with_the_action_beside_it(sites: Sites, desk: Page) -> None:
    """Users who are warned must not have to look for the button."""
    alice.connects(desk, sites)
    manage(sites, "shell", "--command", HAPPENED)
    alice.opens_connected_apps(desk, sites)
    messages = desk.get_by_role("region", name="Security messages")
    stolen = messages.get_by_role("listitem").filter(has_text="stolen copy")
    for words in (
        "Someone tried to use a stolen copy of the key that connects Prescription Manager to your account",
        "We disconnected it: neither the copy nor the app can use this connection any more.",
        "If that was not you",
    ):
        expect(stolen).to_contain_text(words)
    expect(stolen.get_by_role("link", name="Open Prescription Manager")).to_be_visible()
    check(desk, "security-messages")
    messages.get_by_role("button", name="Revoke access for Prescription Manager").click()
    expect(desk.get_by_role("heading", name="Revoke access for Prescription Manager?")).to_be_visible()
    desk.get_by_role("button", name="Revoke Access").click()
    expect(desk.get_by_text("Prescription Manager no longer has access.")).to_be_visible()
    # The app is not connected any more, so there is nothing left to revoke.
    expect(messages.get_by_role("button")).to_have_count(0)
    check(desk)
