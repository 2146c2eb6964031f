"""/manage-apps/: the apps that a user has connected, and the buttons that disconnect them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import AuditEvent, Client, Consent, Grant
from oauth_service.models.audit_event import Event
from oauth_service.people.activity import SENTENCES, Activity
from oauth_service.watch import audit
from tests.endpoints.page import Page
from tests.guide import FORM, Guide

Committed = Callable[[], AbstractContextManager[object]]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def page_of(guide: Guide) -> Page:
    """Return Alice's page."""
    guide.browser.force_login(guide.alice)
    return Page(guide.browser.get("/manage-apps/"))


def facts(page: Page) -> dict[str, str]:
    """Return the values of “Allowed on”, “Last used” and “Active connections” of the only app."""
    [found] = re.findall(r"Allowed on (.+) Last used (.+) Active connections (\d+) ", page.text)
    return dict(zip(("given", "used", "connections"), found, strict=True))


def test_it_works_when_there_are_none(alices: Browser) -> None:
    """The page explains what it would list."""
    page = Page(alices.get("/manage-apps/"))
    assert page.status == 200
    assert "No connected apps When you connect an app" in page.text
    assert page.buttons == ["Sign out"]


def test_it_is_for_who_is_signed_in(browser: Browser, db: None) -> None:
    """After the login the user is back on this page."""
    assert browser.get("/manage-apps/")["Location"] == "/login/?next=/manage-apps/"


def test_it_says_what_each_app_is_and_sees(guide: Guide) -> None:
    """The words are those of the consent page."""
    Client.objects.update(client_uri="https://rx.example/")
    guide.tokens(scope="profile")
    page = page_of(guide)
    assert "Prescription Manager Run by Wonderland Health Website rx.example" in page.text
    assert "It can see Your name and when your profile was last updated Allowed on" in page.text
    assert "Your username and e-mail address" not in page.text
    assert page.links["Website rx.example (opens in a new tab)"] == "https://rx.example/"
    assert "Revoke Access for Prescription Manager" in page.buttons


def test_a_scope_that_has_lost_its_words_is_shown_by_its_name(guide: Guide) -> None:
    """The operator removed the scope from the settings, but the user still has to see it."""
    guide.answer()
    Consent.objects.update(scope="user calendar")
    assert "calendar" in page_of(guide).items


def test_it_says_since_when_it_was_last_used_and_how_often(guide: Guide) -> None:
    """Two devices are connected, and one of them was renewed since."""
    with time_machine.travel(NOON, tick=False):
        first = guide.tokens()
        guide.tokens()
    with time_machine.travel(NOON + timedelta(days=9), tick=False):
        guide.refresh(first["refresh_token"])
    with time_machine.travel(NOON + timedelta(days=10), tick=False):
        assert facts(page_of(guide)) == {"given": "1 Mar 2026", "used": "10 Mar 2026", "connections": "2"}


def test_what_happened_today_is_told_by_the_hour(guide: Guide) -> None:
    """Users look here when something is odd right now. The time zone is shown with the time."""
    with time_machine.travel(NOON, tick=False):
        guide.tokens()
        assert facts(page_of(guide))["used"] == "Today at noon UTC"


def test_an_app_that_was_allowed_but_never_came_is_there_too(guide: Guide) -> None:
    """The consent can be withdrawn even if the app never used it."""
    guide.answer()
    shown = facts(page_of(guide))
    assert (shown["used"], shown["connections"]) == ("Never", "0")


def test_a_connection_that_expired_or_was_ended_is_not_counted(guide: Guide) -> None:
    """Only live connections count."""
    with time_machine.travel(NOON, tick=False):
        guide.tokens()
    with time_machine.travel(NOON + timedelta(days=31), tick=False):
        guide.tokens()
        ended = guide.tokens()
        guide.revoke(ended["refresh_token"])
        assert facts(page_of(guide))["connections"] == "1"


def test_several_apps_stand_in_the_order_of_their_names(guide: Guide) -> None:
    """Each app has a button that names it."""
    for name in ("Zebra", "Aardvark"):
        client = Client.objects.create(name=name, redirect_uris="https://rx.example/callback")
        Consent.objects.create(user=guide.alice, client=client, scope="user", given_at=NOON)
    guide.answer()
    buttons = [words for words in page_of(guide).buttons if words.startswith("Revoke")]
    assert [words.removeprefix("Revoke Access for ") for words in buttons] == [
        "Aardvark",
        "Prescription Manager",
        "Zebra",
    ]


SAVE = "Save for Prescription Manager"


def test_a_person_chooses_when_an_app_is_disconnected(alices: Browser, guide: Guide, committed: Committed) -> None:
    """A user may change the date again. Each change is an event with the values before and after."""
    with time_machine.travel(NOON, tick=False), committed():
        guide.tokens()
        Page(alices.get("/manage-apps/")).press(alices, SAVE, ends_in="7")
        page = Page(alices.get("/manage-apps/"))
        assert "On 8 Mar 2026, noon, Prescription Manager will be disconnected." in page.text
        assert "Disconnects 8 Mar 2026 Active connections" in page.text
        page.press(alices, SAVE)  # without changing the selection
        assert Consent.objects.get().ends_at == NOON + timedelta(days=7)
        page.press(alices, SAVE, ends_in="never")
        assert Consent.objects.get().ends_at is None
        page = Page(alices.get("/manage-apps/"))
        assert "stays connected until you revoke its access" in page.text
        assert "Disconnects" not in page.text
    audit.flush()
    told = AuditEvent.objects.filter(event="connection_end_set").order_by("pk").values_list("changes", flat=True)
    assert list(told) == [
        "ends_at: never → 2026-03-08T12:00:00+00:00",
        "ends_at: 2026-03-08T12:00:00+00:00 → never",
    ]
    assert [line for line in activity(page_of(guide)) if line.startswith("You chose when Prescription Manager is")]


@pytest.mark.parametrize(
    ("own", "server", "offered"),
    [
        (None, None, {"1", "7", "30"}),
        (None, timedelta(days=7), {"1"}),
        (timedelta(days=8), timedelta(days=1), {"1", "7"}),
    ],
)
def test_nothing_is_offered_that_server_or_client_do_not_allow(
    alices: Browser,
    guide: Guide,
    settings: Settings,
    own: timedelta | None,
    server: timedelta | None,
    offered: set[str],
) -> None:
    """Later dates than the connection's own end are not offered, and are ignored if they are sent."""
    settings.OAUTH_SERVICE_CONNECTION_LIFETIME = server
    Client.objects.update(connection_lifetime=own)
    guide.tokens()
    html = alices.get("/manage-apps/").content.decode()
    assert {days for days in ("1", "7", "30") if f'<option value="{days}">' in html} == offered
    page = Page(alices.get("/manage-apps/"))
    for days in ("1", "7", "30", "-1", "365", "0", "x", ""):
        Consent.objects.update(ends_at=None)
        page.press(alices, SAVE, ends_in=days)
        assert bool(Consent.objects.get().ends_at) == (days in offered)


def test_where_the_server_ends_connections_the_page_says_when(
    alices: Browser, guide: Guide, settings: Settings
) -> None:
    """The server ends the connection although the user chose no date."""
    settings.OAUTH_SERVICE_CONNECTION_LIFETIME = timedelta(days=10)
    with time_machine.travel(NOON, tick=False):
        guide.tokens()
        assert "Asks you again 11 Mar 2026" in Page(alices.get("/manage-apps/")).text


def test_what_has_ended_is_not_shown(alices: Browser, guide: Guide) -> None:
    """An ended connection is hidden before its row is swept, and its end cannot be moved."""
    guide.tokens()
    page = Page(alices.get("/manage-apps/"))
    Consent.objects.update(ends_at=timezone.now())
    assert "No connected apps" in Page(alices.get("/manage-apps/")).text
    page.press(alices, SAVE, ends_in="never")
    assert "This app was not connected." in Page(alices.get("/manage-apps/")).text
    assert Consent.objects.get().ends_at


def test_a_user_cannot_end_the_connection_of_another_user(alices: Browser, guide: Guide) -> None:
    """A user cannot end another user's connection by client_id or by its id, and invalid ids are ignored."""
    guide.tokens()
    grant = Grant.objects.get()
    dinah = Browser()
    dinah.force_login(User.objects.create_user("dinah"))
    for form in (
        {"connection": str(grant.pk)},
        {"connection": "x"},
        {"client_id": guide.client.client_id, "ends_in": "1"},
    ):
        assert dinah.post("/manage-apps/", urlencode(form), content_type=FORM).status_code == 302
    assert (Grant.objects.count(), Consent.objects.get().ends_at) == (1, None)


def test_of_several_connections_one_can_be_ended(alices: Browser, guide: Guide, committed: Committed) -> None:
    """A user who lost a phone can disconnect it and keep the app on the desk connected."""
    with time_machine.travel(NOON, tick=False):
        desk = guide.tokens()
    with time_machine.travel(NOON + timedelta(days=1), tick=False), committed():
        phone = guide.tokens()
        page = Page(alices.get("/manage-apps/"))
        lines = [item for item in page.items if item.startswith("Connected")]
        assert [" ".join(line.split()[:4]) for line in lines] == ["Connected Today at noon", "Connected 1 Mar 2026"]
        asks = Page(page.press(alices, "End the connection of Prescription Manager from 2 Mar 2026, noon"))
        assert "End one connection of Prescription Manager ? Connected Today at noon" in asks.text
        assert guide.is_alive(phone["access_token"])
        asks.press(alices, "End this connection")
        after = Page(alices.get("/manage-apps/"))
        assert "The connection was ended." in after.text
        assert (guide.is_alive(phone["access_token"]), guide.refresh(desk["refresh_token"]).status_code) == (False, 200)
        assert [words for words in after.buttons if words.startswith("End")] == []
        page.press(alices, "End the connection of Prescription Manager from 2 Mar 2026, noon")
        assert "This connection had ended before." in Page(alices.get("/manage-apps/")).text
        asks.press(alices, "End this connection")
        assert "This connection had ended before." in Page(alices.get("/manage-apps/")).text
    audit.flush()
    assert [line for line in activity(page_of(guide)) if line.startswith("One connection of Prescription Manager was")]


def test_of_very_many_connections_the_latest_are_listed(
    alices: Browser, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is limited, and one statement reads the connections that it shows."""
    monkeypatch.setattr("oauth_service.endpoints.manage_apps.MOST_INSTALLS", 2)
    for _ in range(4):
        guide.tokens()
    page = Page(alices.get("/manage-apps/"))
    assert len([words for words in page.buttons if words.startswith("End")]) == 2
    assert "2 more, which were used longer ago." in page.text


def test_another_persons_apps_are_not_shown(guide: Guide) -> None:
    """Other users' connections are not counted either."""
    guide.tokens()
    guide.alice = User.objects.create_user("dinah")
    assert "No connected apps" in page_of(guide).text


def test_the_button_asks_once_and_then_cuts_its_app_off(alices: Browser, guide: Guide) -> None:
    """The browser sends the message of the guide's scenario B, after one question that says what ends."""
    tokens = guide.tokens()
    guide.tokens()
    asks = Page(Page(alices.get("/manage-apps/")).press(alices, "Revoke Access for Prescription Manager"))
    said = "This access ends at once It can see Your username and e-mail address "
    said += "Your name and when your profile was last updated "
    assert "Revoke access for Prescription Manager ? " + said in asks.text
    assert "The app has 2 active connections. All of them end, on every device." in asks.text
    assert asks.links["Keep it connected"] == "/manage-apps/"
    assert guide.is_alive(tokens["access_token"])
    form = asks.form_of("Revoke Access")
    assert (form.action, form.method, form.fields["client_id"]) == ("/oauth/deauthorise/", "post", "presc_man_123")
    pressed = asks.press(alices, "Revoke Access")
    after = Page(alices.get(pressed["Location"]))
    assert "Prescription Manager no longer has access." in after.text
    assert "No connected apps" in after.text
    assert not guide.is_alive(tokens["access_token"])


def test_who_is_asked_and_not_signed_in_is_asked_after_the_login(guide: Guide) -> None:
    """The session ended while the page was open."""
    guide.tokens()
    location = Browser().get("/manage-apps/?client_id=presc_man_123")["Location"]
    assert location == "/login/?next=/manage-apps/%3Fclient_id%3Dpresc_man_123"


@pytest.mark.parametrize(
    "query",
    ["client_id=nobody", "client_id=", "connection=x", "connection=00000000000000000000000000000007"],
)
def test_nothing_is_asked_where_there_is_nothing_to_end(alices: Browser, guide: Guide, query: str) -> None:
    """Another person's apps and connections do not show either."""
    Guide(User.objects.create_user("dinah"), guide.client).tokens()
    theirs = f"connection={Grant.objects.get().pk}"
    for each in (query, theirs, "client_id=presc_man_123"):
        response = alices.get(f"/manage-apps/?{each}")
        assert response["Location"] == "/manage-apps/"
        said = "This connection had ended before." if each.startswith("connection") else "This app was not connected."
        assert said in Page(alices.get("/manage-apps/")).text


@pytest.mark.parametrize("query", ["client_id=%00", "client_id=%FF", "client_id=a&client_id=a"])
def test_a_malformed_question_is_refused_on_a_page(alices: Browser, query: str) -> None:
    """A malformed form gets the same page."""
    response = alices.get(f"/manage-apps/?{query}")
    assert (response.status_code, "This request cannot be answered" in Page(response).text) == (400, True)


def test_what_an_app_can_do_is_told_apart_from_what_it_can_see(guide: Guide, settings: Settings) -> None:
    """The list and the question use the words of the consent page."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your hat size", "profile": "Pour tea"}
    settings.OAUTH_SERVICE_ACTION_SCOPES = ["profile"]
    guide.tokens()
    for page in (page_of(guide), Page(guide.browser.get("/manage-apps/?client_id=presc_man_123"))):
        assert "It can see Your hat size It can Pour tea" in page.text


@pytest.mark.parametrize("path", ["/manage-apps/", "/manage-apps", "/manage-apps/?client_id=presc_man_123"])
def test_the_page_is_neither_framed_nor_kept(alices: Browser, path: str) -> None:
    """Another site must not be able to trick users into clicking its buttons."""
    headers = alices.get(path).headers
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("DENY", "private, no-store")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


# -- recent activity ---------------------------------------------------------------------------------------------------


def activity(page: Page) -> list[str]:
    """Return the security messages and the lines of “Recent activity”."""
    return [item for item in page.items if re.search(r" \d{4}, .+ UTC", item)]


NO_ENTRY = "They did not get into your account. If that was not you, choose a password that you use nowhere else."


def test_it_tells_what_happened_lately_in_plain_words(guide: Guide, committed: Committed) -> None:
    """The latest event comes first. Each has its time and address, and no ids."""
    guide.server.defaults["REMOTE_ADDR"] = "198.51.100.4"
    guide.browser.defaults["REMOTE_ADDR"] = "203.0.113.7"
    with time_machine.travel(NOON, tick=False), committed():
        code = guide.code()
    with time_machine.travel(NOON + timedelta(seconds=30), tick=False), committed():
        tokens = guide.exchange(code).json()
    with time_machine.travel(NOON + timedelta(days=1), tick=False), committed():
        tokens = guide.refresh(tokens["refresh_token"]).json()
        guide.revoke(tokens["access_token"])
    with time_machine.travel(NOON + timedelta(days=1, hours=3), tick=False), committed():
        guide.revoke(tokens["refresh_token"])
    with time_machine.travel(NOON + timedelta(days=1, hours=4), tick=False), committed():
        guide.deauthorise()
    with time_machine.travel(NOON + timedelta(days=1, hours=5, minutes=30), tick=False), committed():
        sign_in(guide.browser, password="wrong")
    audit.flush()
    page = page_of(guide)
    assert activity(page) == [
        f"Someone tried to sign in as you and was refused 2 Mar 2026, 5:30 p.m. UTC from 203.0.113.7 {NO_ENTRY}",
        "Prescription Manager was disconnected 2 Mar 2026, 4 p.m. UTC from 203.0.113.7",
        "One connection of Prescription Manager was ended 2 Mar 2026, 3 p.m. UTC from 198.51.100.4",
        "Prescription Manager renewed its access 2 Mar 2026, noon UTC from 198.51.100.4",
        "Prescription Manager was connected 1 Mar 2026, noon UTC from 198.51.100.4",
        "You allowed Prescription Manager to connect to your account 1 Mar 2026, noon UTC from 203.0.113.7",
    ]
    assert "presc_man_123" not in page.text


@pytest.mark.parametrize("replay", ["code", "refresh_token"])
def test_it_tells_of_a_theft_without_the_words_of_the_trade(guide: Guide, committed: Committed, replay: str) -> None:
    """The line explains why the app has to be connected again."""
    with committed():
        code = guide.code()
        old = guide.exchange(code).json()["refresh_token"]
        if replay == "code":
            guide.exchange(code)
        else:
            guide.refresh(guide.refresh(old).json()["refresh_token"])
            guide.refresh(old)
    audit.flush()
    page = page_of(guide)
    [told] = [line for line in activity(page) if "stolen" in line]
    assert told.startswith(
        "Someone tried to use a stolen copy of the key that connects Prescription Manager to your account "
        "We disconnected it: neither the copy nor the app can use this connection any more. "
        "If that was not you, for example because you restored the app from a backup, tell the people who run the app. "
    )
    assert page.text.index("Security messages") < page.text.index(told) < page.text.index("Recent activity")


ALICES = {"client_id": "presc_man_123", "purge_at": NOON + timedelta(days=90), "outcome": "done"}


def happened(guide: Guide, event: str, *, at: datetime = NOON, **columns: object) -> None:
    """Let something have happened to Alice."""
    AuditEvent.objects.create(**{**ALICES, "user": guide.alice, "event": event, "at": at, **columns})


@pytest.fixture
def password_page(settings: Settings) -> None:
    """A project with Django's page for changing the password."""
    settings.ROOT_URLCONF = "tests.endpoints.with_password_page"


@pytest.mark.usefixtures("password_page")
@pytest.mark.parametrize(
    ("event", "reason", "is_connected", "means", "action"),
    [
        (
            "refresh_replayed",
            "",
            True,
            "We disconnected it",
            {"Open Prescription Manager ( rx.example )": "https://rx.example/"},
        ),
        (
            "code_replayed",
            "",
            False,
            "We disconnected it",
            {"Open Prescription Manager ( rx.example )": "https://rx.example/"},
        ),
        (
            "refresh_shared",
            "used twice",
            True,
            "The connection still works",
            {"Revoke access for Prescription Manager": ""},
        ),
        ("refresh_shared", "used twice", False, "The connection still works", {}),
        (
            "refresh_shared",
            "used twice, and ended: x",
            True,
            "we ended",
            {"Open Prescription Manager ( rx.example )": "https://rx.example/"},
        ),
        ("user_tokens_revoked", "", False, "No app can use your account", {"Change your password": "/password/"}),
        ("login_refused", "", False, "They did not get into", {"Change your password": "/password/"}),
        ("device_approved", "", True, "The device can use", {"Revoke access for Prescription Manager": ""}),
    ],
)
def test_the_action_is_beside_what_it_is_about(
    guide: Guide, event: str, reason: str, is_connected: bool, means: str, action: dict[str, str]
) -> None:
    """Each message says what happened, what it means and what to do, and has the button for it if that leads somewhere."""
    Client.objects.update(client_uri="https://rx.example/")
    with time_machine.travel(NOON, tick=False):
        if is_connected:
            guide.answer()
        happened(guide, event, reason=reason)
        page = page_of(guide)
        asks = guide.browser.get("/manage-apps/?client_id=presc_man_123")
    [line] = activity(page)
    assert means in line
    names = ("Open", "Revoke access", "Change your")
    links = {words: href for words, href in page.links.items() if words.startswith(names)}
    assert links | {words: "" for words in page.buttons if words.startswith(names)} == action
    if "" in action.values():
        form = page.form_of("Revoke access for Prescription Manager")
        assert (form.action, form.method, form.fields) == ("/manage-apps/", "get", {"client_id": "presc_man_123"})
        assert "Revoke access for Prescription Manager ? This access ends at once" in Page(asks).text


@pytest.mark.parametrize("kind", ["no page", "nobody checked it"])
def test_an_action_that_leads_nowhere_is_left_out(guide: Guide, kind: str) -> None:
    """The project has no page for passwords; the website of an app that introduced itself is not to be trusted."""
    Client.objects.update(client_uri="https://rx.example/", is_checked=False)
    with time_machine.travel(NOON, tick=False):
        happened(guide, "login_refused" if kind == "no page" else "refresh_replayed")
        page = page_of(guide)
    assert [words for words in page.links if words.startswith(("Open", "Change"))] == []


@pytest.mark.parametrize(("days", "is_above"), [(29, True), (31, False)])
def test_a_security_message_stands_above_for_thirty_days(guide: Guide, days: int, is_above: bool) -> None:
    """Then it is a line of what happened, with the same words."""
    happened(guide, "refresh_replayed")
    with time_machine.travel(NOON + timedelta(days=days), tick=False):
        page = page_of(guide)
    assert ("Security messages" in page.text, "Recent activity" in page.text) == (is_above, not is_above)
    assert len([line for line in activity(page) if "stolen copy" in line]) == 1


def test_replays_of_a_day_are_one_message(guide: Guide) -> None:
    """A thief who tries again says nothing new."""
    for hour in range(5):
        happened(guide, "refresh_replayed", at=NOON + timedelta(hours=hour))
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        assert len([line for line in activity(page_of(guide)) if "stolen copy" in line]) == 1


def test_a_security_message_names_the_operators_address(guide: Guide, settings: Settings) -> None:
    """Users who are not sure need someone to ask."""
    settings.OAUTH_SERVICE_SUPPORT_CONTACT = "mailto:help@example.com"
    with time_machine.travel(NOON, tick=False):
        happened(guide, "refresh_replayed")
        assert "If you are not sure, get help: help@example.com" in page_of(guide).text


def test_renewals_of_a_day_are_one_line(guide: Guide, committed: Committed) -> None:
    """An app that renews many connections would otherwise fill the whole list."""
    with time_machine.travel(NOON, tick=False), committed():
        tokens = [guide.tokens()["refresh_token"] for _device in range(3)]
    for day in (1, 2):
        for hour in (0, 1):
            with time_machine.travel(NOON + timedelta(days=day, hours=hour), tick=False), committed():
                tokens = [guide.refresh(token).json()["refresh_token"] for token in tokens]
    audit.flush()
    assert [line.partition(" from")[0] for line in activity(page_of(guide))][:3] == [
        "Prescription Manager renewed its access 3 Mar 2026, noon UTC",
        "Prescription Manager renewed its access 2 Mar 2026, noon UTC",
        "Prescription Manager was connected 1 Mar 2026, noon UTC",
    ]


def test_it_tells_the_last_twenty(guide: Guide, committed: Committed) -> None:
    """Twenty lines are enough to notice something odd."""
    for hour in range(25):
        with time_machine.travel(NOON + timedelta(hours=hour), tick=False), committed():
            guide.tokens()
    audit.flush()
    shown = activity(page_of(guide))
    assert (len(shown), "2 Mar 2026, noon" in shown[0], "2 Mar 2026, 3 a.m." in shown[-1]) == (20, True, True)


def test_a_stranger_who_keeps_trying_hides_nothing(guide: Guide, committed: Committed) -> None:
    """All failed sign-ins as Alice on one day are one line, however many there are."""
    with time_machine.travel(NOON, tick=False), committed():
        guide.tokens()
    for minute in range(1, 40):
        guide.browser.defaults["REMOTE_ADDR"] = f"203.0.113.{minute}"
        with time_machine.travel(NOON + timedelta(minutes=minute), tick=False), committed():
            sign_in(guide.browser, password="wrong")
    audit.flush()
    assert activity(page_of(guide)) == [
        f"Someone tried to sign in as you and was refused 1 Mar 2026, 12:39 p.m. UTC 39 times from 203.0.113.39 {NO_ENTRY}",
        "Prescription Manager was connected 1 Mar 2026, noon UTC from 127.0.0.1",
        "You allowed Prescription Manager to connect to your account 1 Mar 2026, noon UTC from 127.0.0.1",
    ]


def test_another_persons_activity_is_not_shown(guide: Guide, committed: Committed) -> None:
    """Dinah sees neither Alice's events nor events without a user."""
    with committed():
        guide.tokens()
        sign_in(guide.browser, password="wrong")
        sign_in(guide.browser, username="stranger", password="wrong")
    audit.flush()
    guide.alice = User.objects.create_user("dinah")
    page = page_of(guide)
    assert (activity(page), "Recent activity" in page.text) == ([], False)


def test_a_name_is_text_whatever_stands_in_it(guide: Guide, committed: Committed) -> None:
    """The app's name and the address in the event are escaped."""
    Client.objects.update(name="<b>%(app)s & co</b>")
    guide.server.defaults["REMOTE_ADDR"] = "<i>nowhere</i>"
    with committed():
        guide.tokens()
    audit.flush()
    page = page_of(guide)
    assert activity(page)[0].startswith("<b>%(app)s & co</b> was connected")
    assert activity(page)[0].endswith("from <i>nowhere</i>")


def test_an_app_that_is_gone_has_no_name(guide: Guide, committed: Committed) -> None:
    """Past events of a deleted app stay in the list."""
    with committed():
        guide.tokens()
    audit.flush()
    Client.objects.all().delete()
    assert activity(page_of(guide))[0].startswith("An app that is no longer here was connected")


def test_an_app_that_is_gone_is_lower_case_within_a_sentence() -> None:
    """The sentence once had a capital letter in the middle: "connects An app"."""
    line = Activity(
        event=Event.CODE_REPLAYED,
        app="",
        address="",
        at=timezone.now(),
        sentences=SENTENCES[Event.CODE_REPLAYED],
    )
    assert "that connects an app that is no longer here to your account" in line.sentence


def test_the_list_is_found_by_its_heading(guide: Guide, committed: Committed) -> None:
    """Screen readers list regions and headings."""
    with committed():
        guide.tokens()
    guide.browser.force_login(guide.alice)
    html = guide.browser.get("/manage-apps/").content.decode()
    assert 'aria-labelledby="recent-activity"' in html
    assert '<h2 id="recent-activity">Recent activity</h2>' in html


def sign_in(browser: Browser, *, password: str, username: str = "alice") -> None:
    """Sign in by POST /login/, from a signed-out browser."""
    browser.logout()
    browser.post("/login/", {"username": username, "password": password})
