"""/manage-apps/: what a person has connected, and the way to cut it off."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client, Consent
from tests.endpoints.page import Page
from tests.guide import Guide

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def page_of(guide: Guide) -> Page:
    """Alice's page."""
    guide.browser.force_login(guide.alice)
    return Page(guide.browser.get("/manage-apps/"))


def facts(page: Page) -> dict[str, str]:
    """What stands beside "Allowed on", "Last used" and "Active connections" of the only app."""
    [found] = re.findall(r"Allowed on (.+) Last used (.+) Active connections (\d+) Revoke Access", page.text)
    return dict(zip(("given", "used", "connections"), found, strict=True))


def test_it_works_when_there_are_none(alices: Browser) -> None:
    """And says what would stand here."""
    page = Page(alices.get("/manage-apps/"))
    assert page.status == 200
    assert "No connected apps When you allow an app" in page.text
    assert page.buttons == ["Sign out"]


def test_it_is_for_who_is_signed_in(browser: Browser, db: None) -> None:
    """After the login one is here again."""
    assert browser.get("/manage-apps/")["Location"] == "/login/?next=/manage-apps/"


def test_it_says_what_each_app_is_and_sees(guide: Guide) -> None:
    """In the words of the consent page."""
    Client.objects.update(client_uri="https://rx.example/")
    guide.tokens(scope="profile")
    page = page_of(guide)
    assert "Prescription Manager Run by Wonderland Health Website" in page.text
    assert "It can see Your name and when your profile was last updated Allowed on" in page.text
    assert "Your username and e-mail address" not in page.text
    assert page.links["Website (opens in a new tab)"] == "https://rx.example/"
    assert "Revoke Access for Prescription Manager" in page.buttons


def test_a_scope_that_has_lost_its_words_is_shown_by_its_name(guide: Guide) -> None:
    """The operator dropped it from the settings; the person still has to know."""
    guide.answer()
    Consent.objects.update(scope="user calendar")
    assert "calendar" in page_of(guide).items


def test_it_says_since_when_it_was_last_used_and_how_often(guide: Guide) -> None:
    """Two devices connected, one of them renewed since."""
    with time_machine.travel(NOON, tick=False):
        first = guide.tokens()
        guide.tokens()
    with time_machine.travel(NOON + timedelta(days=9), tick=False):
        guide.refresh(first["refresh_token"])
    with time_machine.travel(NOON + timedelta(days=10), tick=False):
        assert facts(page_of(guide)) == {"given": "1 Mar 2026", "used": "10 Mar 2026", "connections": "2"}


def test_what_happened_today_is_told_by_the_hour(guide: Guide) -> None:
    """A person looks here when something is odd now; the time zone stands beside it."""
    with time_machine.travel(NOON, tick=False):
        guide.tokens()
        assert facts(page_of(guide))["used"] == "Today at noon UTC"


def test_an_app_that_was_allowed_but_never_came_is_there_too(guide: Guide) -> None:
    """The consent is what can be taken back."""
    guide.answer()
    shown = facts(page_of(guide))
    assert (shown["used"], shown["connections"]) == ("Never", "0")


def test_a_connection_that_expired_or_was_ended_is_not_counted(guide: Guide) -> None:
    """Only what is alive."""
    with time_machine.travel(NOON, tick=False):
        guide.tokens()
    with time_machine.travel(NOON + timedelta(days=31), tick=False):
        guide.tokens()
        ended = guide.tokens()
        guide.revoke(ended["refresh_token"])
        assert facts(page_of(guide))["connections"] == "1"


def test_several_apps_stand_in_the_order_of_their_names(guide: Guide) -> None:
    """Each with a button that says for which it is."""
    for name in ("Zebra", "Aardvark"):
        client = Client.objects.create(name=name, redirect_uris="https://rx.example/callback")
        Consent.objects.create(user=guide.alice, client=client, scope="user", given_at=NOON)
    guide.answer()
    buttons = [words.removeprefix("Revoke Access for ") for words in page_of(guide).buttons[1:]]
    assert buttons == ["Aardvark", "Prescription Manager", "Zebra"]


def test_another_persons_apps_are_not_shown(guide: Guide) -> None:
    """Nor counted."""
    guide.tokens()
    guide.alice = User.objects.create_user("dinah")
    assert "No connected apps" in page_of(guide).text


def test_the_button_cuts_its_app_off(alices: Browser, guide: Guide) -> None:
    """The guide's scenario B, as a browser does it."""
    tokens = guide.tokens()
    page = Page(alices.get("/manage-apps/"))
    pressed = page.press(alices, "Revoke Access for Prescription Manager")
    after = Page(alices.get(pressed["Location"]))
    assert "Prescription Manager no longer has access." in after.text
    assert "No connected apps" in after.text
    assert not guide.is_alive(tokens["access_token"])


@pytest.mark.parametrize("path", ["/manage-apps/", "/manage-apps"])
def test_the_page_is_neither_framed_nor_kept(alices: Browser, path: str) -> None:
    """Its buttons must not be clicked through another site's page."""
    headers = alices.get(path).headers
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("DENY", "no-store")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
