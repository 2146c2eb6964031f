"""Pages read no more of a long audit trail than they show: every page, filter, search and order, on both databases."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, get_resolver, reverse

from oauth_service.admin import audit_trail
from oauth_service.models import AuditEvent, Client
from oauth_service.models.audit_event import Event, RowFilter
from oauth_service.people import activity
from oauth_service.watch.audit import OUTCOMES
from oauth_service.watch.doctor import facts
from tests.admin.test_query_strings import own_parameters
from tests.database import ALIAS, connection

TABLE = AuditEvent._meta.db_table
TRAIL = "/admin/oauth_service/auditevent/"
ROWS = 6_000
MOST = 20  # rows of a kind that a page reads, instead of hundreds, so that the trail is much longer
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOMENTS = ("", "2026-03-01T12:30", "2026-03-01", "2020-01-01T00:00:00+00:00")
WORDS = ("", "alice", "root", "example", "presc_man_123", "alice public_app", "reference-77", "no-such-word")


@pytest.fixture(autouse=True)
def long_trail(alice: User, presc_man: Client, public_app: Client, staff: Browser, monkeypatch: Any) -> None:
    """Thousands of events, nearly all of one kind, user, client, address and outcome, and a few of every other."""
    bounds = [(audit_trail, "MOST_SHOWN"), (activity, "READ"), (facts, "LATEST_EVENTS"), (facts, "LARGEST_BACKLOG")]
    for module, name in bounds:
        monkeypatch.setattr(module, name, MOST)
    root = User.objects.get(username="root")
    common: dict[str, Any] = {
        "purge_at": NOON + timedelta(days=36_500),
        "scope": "user " * 100,
        "address": "2001:db8::1",
    }
    events = [
        AuditEvent(
            at=NOON + timedelta(seconds=number),
            event=(kind := list(Event)[number // 50 % len(Event)] if number % 50 == 0 else Event.REFRESH_RETRIED).value,
            outcome=OUTCOMES[kind].value,
            user_id=alice.pk,
            client_id="presc_man_123" if number % 100 else "public_app",
            actor_id=root.pk if kind == Event.ADMINISTERED else None,
            reference=f"reference-{number}",
            **common,
        )
        for number in range(ROWS)
    ]
    AuditEvent.objects.bulk_create(events, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def pages_of_the_trail(staff: Browser) -> Iterator[str]:
    """The list with every filter, search and order, and the pages of a row."""
    shown = staff.get(TRAIL).context["cl"]
    filters = [
        choice["query_string"].lstrip("?")
        for spec in shown.filter_specs
        for choice in spec.choices(shown)
        if "query_string" in choice
    ]
    assert len(filters) > len(Event) + 2
    moments = [urlencode({"until": moment}) for moment in MOMENTS]
    searches = [urlencode({"q": word}) for word in WORDS]
    orders = [f"o={sign}{number}" for number in range(1, len(shown.list_display) + 1) for sign in ("", "-")]
    for parts in [
        *product(filters, ("", "q=alice"), ("", "until=2026-03-01T12:30")),
        *product(searches, moments),
        *product(searches, ("event__exact=login_refused", "outcome__exact=refused")),
        *product(("", "q=alice"), orders),
        *product(("", "q=alice"), ("p=2", "all=", *(f"{name}=1" for name in sorted(own_parameters())))),
    ]:
        yield f"{TRAIL}?{'&'.join(filter(None, parts))}"
    row = AuditEvent.objects.latest_of([RowFilter({"event": "administered"}, 1)])[0].pk
    yield from (f"{TRAIL}{row}/change/", f"{TRAIL}{row}/history/")


def other_pages() -> Iterator[str]:
    """Every page of the server and of its admin that has a fixed address."""
    for namespace in ("oauth_service", "admin"):
        for name in {
            name for name in get_resolver().namespace_dict[namespace][1].reverse_dict if isinstance(name, str)
        }:
            try:
                yield reverse(f"{namespace}:{name}")
            except NoReverseMatch:
                continue  # a page of a row or client
    registered = [model for model in admin.site._registry if model is not AuditEvent]
    for model in registered:
        for row in model._default_manager.using(ALIAS).order_by("pk")[:1]:
            for page in ("change", "delete", "history"):
                yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=[row.pk])


def asked_of_the_trail(browser: Browser, urls: Iterable[str]) -> dict[str, str]:
    """Statements that read the trail, each with the first page that sent it."""
    found: dict[str, str] = {}
    for url in urls:
        with CaptureQueriesContext(connection) as statements:
            assert browser.get(url).status_code < 500, url
        for query in statements.captured_queries:
            if f'FROM "{TABLE}"' in query["sql"] and query["sql"].startswith("SELECT"):
                found.setdefault(query["sql"], url)
    return found


def reads_too_much(sql: str) -> str:
    """Reason why a statement does not use an index alone; "" if it does."""
    return _on_postgresql(sql) if connection.vendor == "postgresql" else _on_sqlite(sql)


def _on_postgresql(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        [[plan]] = cursor.fetchall()
    nodes = list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
    for node in nodes:
        if node.get("Relation Name") != TABLE:
            continue
        left_out = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        rows = (node["Actual Rows"] + left_out) * node["Actual Loops"]
        # Rows that a search of two words finds, and rows with the same reference.
        if node["Node Type"] == "Seq Scan" or rows > 3 * MOST:
            return f"{node['Node Type']} of {rows} rows"
    return ""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from _nodes(each)


def _on_sqlite(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        steps = [str(row[3]) for row in cursor.fetchall()]
        count = 0

        def step() -> None:
            nonlocal count
            count += 1

        connection.connection.set_progress_handler(step, 100)
        try:
            cursor.execute(sql)
            cursor.fetchall()
        finally:
            connection.connection.set_progress_handler(None, 0)
    # The latest rows are at the end of the table.
    is_the_end = re.search(rf' FROM "{TABLE}" ORDER BY (1|"{TABLE}"."id") DESC LIMIT \d+$', sql)
    if not is_the_end and any(re.match(rf"SCAN {TABLE}\b", each) for each in steps):
        return "; ".join(steps)
    # Each examined row costs some instructions per condition.
    return f"{100 * count} instructions: {'; '.join(steps)}" if 100 * count > 4 * ROWS else ""


def test_no_page_of_the_trail_reads_more_than_it_shows(staff: Browser) -> None:
    """The test finds every filter, search and order, including those that are added later."""
    asked = asked_of_the_trail(staff, pages_of_the_trail(staff))
    assert len(asked) > 100
    assert {sql[:2000]: (url, why) for sql, url in asked.items() if (why := reads_too_much(sql))} == {}


def test_no_other_page_reads_more_of_the_trail_than_it_shows(staff: Browser, alice: User) -> None:
    """The user's own page reads the trail, too, and a page that is added later may."""
    browser = Browser()
    browser.force_login(alice)
    asked = asked_of_the_trail(browser, other_pages()) | asked_of_the_trail(staff, other_pages())
    assert reverse("oauth_service:manage_apps") in asked.values()
    assert {sql[:2000]: (url, why) for sql, url in asked.items() if (why := reads_too_much(sql))} == {}


def test_no_question_of_the_doctor_reads_the_whole_trail() -> None:
    """The doctor only needs the latest events."""
    with CaptureQueriesContext(connection) as statements:
        call_command("oauth_doctor", stdout=StringIO(), stderr=StringIO())
    asked = [each["sql"] for each in statements.captured_queries if f'FROM "{TABLE}"' in each["sql"]]
    assert asked
    assert {sql: why for sql in asked if (why := reads_too_much(sql))} == {}


def test_a_statement_that_reads_the_whole_trail_is_found() -> None:
    """
    Otherwise the tests above could not fail. The statements use columns that no index has, or has in front of `at`.
    """
    events = AuditEvent.objects.all()
    whole = [
        events.filter(address="203.0.113.7"),
        events.filter(user_id=User.objects.get(username="alice").pk, scope="x").order_by("-at")[:MOST],
        events.exclude(address="2001:db8::1").order_by("-pk")[:MOST],
    ]
    with CaptureQueriesContext(connection) as statements:
        for each in whole:
            list(each)
    assert [bool(reads_too_much(query["sql"])) for query in statements.captured_queries] == [True] * 3


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ({}, 5),
        ({"event__exact": "login_refused"}, 5),
        ({"until": "2026-03-01T12:30", "outcome__exact": "refused"}, 5),
        ({"q": "alice"}, 8),
        ({"q": "alice public_app"}, 12),
        ({"q": "reference-77"}, 9),
    ],
)
def test_the_list_costs_few_statements(
    staff: Browser, query: dict[str, str], most: int, django_assert_max_num_queries: Any
) -> None:
    """
    Five statements: session, user, shown ids, count, rows. Each word of a search adds the users and clients with that
    name.
    """
    with django_assert_max_num_queries(most):
        staff.get(TRAIL, query)


def test_a_persons_page_costs_five_statements(alice: User, django_assert_max_num_queries: Any) -> None:
    """Session, user, consents, events, and the names of clients."""
    browser = Browser()
    browser.force_login(alice)
    with django_assert_max_num_queries(5):
        assert browser.get(reverse("oauth_service:manage_apps")).status_code == 200


@pytest.mark.parametrize(
    "query", [{}, {"q": "alice"}, {"event__exact": "consent_given"}, {"outcome__exact": "refused"}]
)
def test_from_list_to_list_every_event_is_reached(staff: Browser, query: dict[str, str], monkeypatch: Any) -> None:
    """Each list links to the earlier events, and no event may be lost between two lists."""
    AuditEvent.objects.filter(pk__in=AuditEvent.objects.order_by("pk").values("pk")[300:]).delete()
    monkeypatch.setattr(audit_trail.AuditEventAdmin, "list_per_page", 10)
    found: set[int] = set()
    url = f"{TRAIL}?{urlencode(query)}"
    for _ in range(100):
        changelist = staff.get(url).context["cl"]
        rows = {event.pk for event in changelist.result_list}
        if rows <= found:
            break
        found |= rows
        [spec] = [each for each in changelist.filter_specs if isinstance(each, audit_trail.UntilFilter)]
        url = TRAIL + next(iter(spec.choices(changelist)))["earlier"]
    names = {"event__exact": "event", "outcome__exact": "outcome"}
    sought = AuditEvent.objects.filter(**{names[name]: value for name, value in query.items() if name in names})
    assert found == set(sought.values_list("pk", flat=True))


def test_the_form_keeps_what_is_looked_for(staff: Browser) -> None:
    """Choosing a moment must keep the search and the filters."""
    page = staff.get(TRAIL, {"q": "alice", "event__exact": "consent_given", "until": "2026-03-01T12:30"})
    [spec] = [each for each in page.context["cl"].filter_specs if isinstance(each, audit_trail.UntilFilter)]
    choice = next(iter(spec.choices(page.context["cl"])))
    assert (dict(choice["kept"]), choice["moment"]) == (
        {"q": "alice", "event__exact": "consent_given"},
        "2026-03-01T12:30:00",
    )


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01", "9999-12-31T23:59", "2026-13-01"])
def test_a_moment_that_is_none_leads_back_to_the_list(staff: Browser, moment: str) -> None:
    """Django's own filters redirect in the same way for a value that they do not have."""
    answer = staff.get(TRAIL, {"until": moment})
    assert (answer.status_code, answer["Location"]) == (302, f"{TRAIL}?e=1")
