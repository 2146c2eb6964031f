"""The audit trail in the admin: searchable by user and client, and read-only."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import Settings

from oauth_service.admin.name_search import MOST_FOUND
from oauth_service.models import AuditEvent, Client
from oauth_service.models.audit_event import Entry
from oauth_service.watch import audit
from tests.admin.test_clients import form
from tests.database import ALIAS

TRAIL = "/admin/oauth_service/auditevent/"


@pytest.fixture
def trail(alice: User, presc_man: Client, public_app: Client) -> list[AuditEvent]:
    """An event of Alice and presc_man_123, one of Dinah and public_app, and one without a known user."""
    now = timezone.now()
    nobody = Entry(
        at=now,
        event="login_refused",
        outcome="refused",
        user_id=None,
        client_id="",
        grant_id=None,
        scope="",
        reason="no account has this name",
        address="203.0.113.7",
        reference="0123456789ab",
        purge_at=now + timedelta(days=90),
    )
    of_alice = nobody._replace(
        event="token_refreshed", outcome="done", user_id=alice.pk, client_id="presc_man_123", reference="aaaaaaaaaaaa"
    )
    dinah = User.objects.create_user("dinah", "dinah@example.org")
    of_dinah = of_alice._replace(user_id=dinah.pk, client_id="public_app", reference="bbbbbbbbbbbb")
    AuditEvent.objects.add_all([of_alice, of_dinah, nobody])
    return list(AuditEvent.objects.order_by("pk"))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [2, 1, 0]),
        ("alice", [0]),
        ("ALICE@example.com", [0]),
        ("presc_man_123", [0]),
        ("Reminder", [1]),
        ("dinah public_app", [1]),
        ("dinah presc_man_123", []),
        ("example", [1, 0]),
        ("0123456789ab", [2]),
        ("nobody", []),
    ],
)
def test_events_are_found_by_user_client_and_reference(
    staff: Browser, trail: list[AuditEvent], words: str, found: list[int]
) -> None:
    """Support searches with the words that a user gives on the telephone; several words narrow the search."""
    assert list(staff.get(TRAIL, {"q": words}).context["cl"].result_list) == [trail[number] for number in found]


def test_a_name_finds_whoever_has_it_and_else_those_who_have_it_in_theirs(
    staff: Browser, trail: list[AuditEvent], alice: User
) -> None:
    """Otherwise "al" would be one name of many, and only the first are shown."""
    others = [User(username=f"alice{number}") for number in range(2 * MOST_FOUND)]
    User.objects.bulk_create(others)
    User.objects.filter(pk=alice.pk).update(username="zalice")
    User.objects.create(username="alice")
    found = [list(staff.get(TRAIL, {"q": word}).context["cl"].result_list) for word in ("zalice", "alice")]
    assert found == [[trail[0]], []]


def test_the_list_costs_the_same_however_long_it_is(
    staff: Browser, trail: list[AuditEvent], django_assert_max_num_queries: Callable[..., object]
) -> None:
    """Five statements: session, user, shown ids, count, and rows with their users."""
    entries = [Entry(*row) for row in AuditEvent.objects.values_list(*Entry._fields)]
    AuditEvent.objects.add_all(entries * 5)
    with django_assert_max_num_queries(5):  # type: ignore[attr-defined]
        staff.get(TRAIL)


def test_a_row_shows_all_that_is_known(staff: Browser, trail: list[AuditEvent]) -> None:
    """Staff need the reference and the address to follow a user's question, in the list and on the row's own page."""
    page = staff.get(f"{TRAIL}{trail[0].pk}/change/").content.decode()
    words = ("access renewed", "done", "alice", "presc_man_123", "203.0.113.7", "aaaaaaaaaaaa")
    assert [word for word in words if word not in page] == []
    page = staff.get(TRAIL).content.decode()
    assert [word for word in words if word not in page] == []


def test_the_list_shows_seconds_zone_reason_and_reference(
    staff: Browser, trail: list[AuditEvent], settings: Settings
) -> None:
    """Staff compare them with a log line, or with what a user reads to them on the telephone."""
    settings.TIME_ZONE = "Europe/Berlin"
    at = datetime(2026, 7, 1, 12, 0, 7, tzinfo=UTC)
    AuditEvent.objects.filter(pk=trail[2].pk).update(at=at, event_count=3, last_at=at + timedelta(minutes=5))
    page = strip_tags(staff.get(TRAIL, {"q": "0123456789ab"}).content.decode())
    words = ("2026-07-01 14:00:07 CEST", "3 times", "no account has this name", "0123456789ab", "203.0.113.7")
    assert [word for word in words if word not in page] == []
    page = strip_tags(staff.get(f"{TRAIL}{trail[2].pk}/change/").content.decode())
    titles = ("sign-in refused · 2026-07-01 14:00:07 CEST", "Date and time:", "2026-07-01 14:05:07 CEST")
    assert [word for word in titles if word not in page] == []


def test_sign_ins_and_changes_of_staff_are_events_that_can_be_filtered(
    staff: Browser, trail: list[AuditEvent], committed: Callable[..., object]
) -> None:
    """Staff look for them as often as for events of apps and tokens."""
    browser = Browser()
    with committed():  # type: ignore[attr-defined]
        browser.post("/login/", {"username": "root", "password": "root"})
        browser.post("/logout/")
        staff.post("/admin/oauth_service/client/add/", form())
    audit.flush()
    for event in ("signed_in", "signed_out", "administered"):
        page = staff.get(TRAIL, {"event__exact": event})
        assert [each.event for each in page.context["cl"].result_list] == [event]
    assert "by staff root" in strip_tags(page.content.decode())


def test_an_event_of_a_user_who_is_gone_is_nobodys(staff: Browser, trail: list[AuditEvent]) -> None:
    """An event may be written just after its user was deleted. The trail must still open."""
    User.objects.filter(username="dinah")._raw_delete(ALIAS)
    statuses = [staff.get(url).status_code for url in (TRAIL, f"{TRAIL}{trail[1].pk}/change/")]
    assert statuses == [200, 200]


def test_nobody_writes_edits_or_deletes(staff: Browser, trail: list[AuditEvent]) -> None:
    """A trail that can be edited proves nothing. Administrators with all rights cannot edit it either."""
    row = f"{TRAIL}{trail[0].pk}/"
    selected = {"action": "delete_selected", "_selected_action": str(trail[0].pk), "post": "yes"}
    answers = [
        staff.get(f"{TRAIL}add/"),
        staff.post(f"{row}change/", {"reason": "x"}),
        staff.post(f"{row}delete/", {"post": "yes"}),
    ]
    staff.post(TRAIL, selected)
    assert ([answer.status_code for answer in answers], AuditEvent.objects.count()) == ([403] * 3, 3)


def test_a_user_can_be_deleted_here_with_their_trail(staff: Browser, trail: list[AuditEvent], alice: User) -> None:
    """Django's admin asks for the permission to delete related rows. The trail must not block the deletion."""
    staff.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert (User.objects.filter(pk=alice.pk).exists(), AuditEvent.objects.filter(user_id=alice.pk).exists()) == (
        False,
        False,
    )
