"""Listing and ending connections in the admin."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from oauth_service import signals
from oauth_service.models import AuditEvent, Client, Consent, Grant, Registration, Resource
from oauth_service.watch import audit
from tests.database import connection
from tests.guide import Guide

CONSENTS = "/admin/oauth_service/consent/"
GRANTS = "/admin/oauth_service/grant/"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Events = list[dict[str, object]]


@pytest.fixture
def events() -> Iterator[Events]:
    """Facts of every announced end of a connection."""
    heard: Events = []

    def deauthorised(**facts: object) -> None:
        heard.append({"event": "app_deauthorised", **facts})

    def revoked(**facts: object) -> None:
        heard.append({"event": "token_revoked", **facts})

    signals.app_deauthorised.connect(deauthorised)
    signals.token_revoked.connect(revoked)
    yield heard
    signals.app_deauthorised.disconnect(deauthorised)
    signals.token_revoked.disconnect(revoked)


def test_the_list_says_who_connected_what_and_how_often(staff: Browser, consent: Consent) -> None:
    """Two connections are live, the third has expired."""
    page = staff.get(CONSENTS).content.decode()
    assert [word for word in ("Prescription Manager", "alice", "user profile", ">2<") if word not in page] == []


def test_a_list_costs_the_same_however_many_consents_it_shows(
    staff: Browser, consent: Consent, django_assert_max_num_queries: Callable[..., object]
) -> None:
    """
    Ten statements: session, user, existing kinds and APIs, the latest consents, their number, the rows with all they
    show, and the dates of the hierarchy. No row needs a statement of its own.
    """
    for number in range(5):
        user = User.objects.create(username=f"user{number}")
        Consent.objects.create(user=user, client=consent.client, scope="user", given_at=consent.given_at)
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        staff.get(CONSENTS)


@pytest.mark.parametrize("words", ["alice", "alice@example.com", "Prescription", "presc_man_123"])
@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_connections_are_found_by_user_and_by_client(staff: Browser, consent: Consent, url: str, words: str) -> None:
    """Support searches with the words that a user gives on the telephone."""
    assert len(staff.get(url, {"q": words}).context["cl"].result_list) == {CONSENTS: 1, GRANTS: 2}[url]


@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_a_search_leaves_out_what_does_not_match(staff: Browser, consent: Consent, url: str) -> None:
    """A search that finds everything is useless."""
    assert len(staff.get(url, {"q": "nobody"}).context["cl"].result_list) == 0


@pytest.mark.parametrize("owner", ["user", "client"])
def test_connections_of_nobody_are_not_counted(staff: Browser, consent: Consent, owner: str) -> None:
    """Rows that a deletion left behind are void and wait for the sweep, so the list does not show them."""
    getattr(consent, owner).delete()
    found = staff.get(GRANTS).context["cl"]
    assert (len(found.result_list), found.result_count, found.full_result_count) == (0, 0, None)


def test_a_client_leads_to_who_has_connected_it(staff: Browser, consent: Consent, public_app: object) -> None:
    """The link on the client's page leads to a list of this client's consents only."""
    link = f"{CONSENTS}?client__id__exact={consent.client_id}"
    page = staff.get(f"/admin/oauth_service/client/{consent.client_id}/change/").content.decode()
    assert (link in page, list(staff.get(link).context["cl"].result_list)) == (True, [consent])


def test_the_page_of_a_consent_shows_its_live_connections(staff: Browser, consent: Consent) -> None:
    """Staff can end each connection separately."""
    page = staff.get(f"{CONSENTS}{consent.pk}/change/").content.decode()
    shown = [grant.expires_at > consent.given_at for grant in consent.grants.all() if f"{GRANTS}{grant.pk}/" in page]
    assert shown == [True, True]


def test_no_page_shows_what_seals_the_tokens(staff: Browser, consent: Consent) -> None:
    """No page shows the secret columns of a grant, in hexadecimal or otherwise."""
    grant = Grant.objects.latest("expires_at")
    urls = [CONSENTS, f"{CONSENTS}{consent.pk}/change/", GRANTS, f"{GRANTS}{grant.pk}/change/"]
    pages = {url: staff.get(url).content.decode() for url in urls}
    fields = ("secret", "code_challenge", "redirect_uri", bytes(grant.secret).hex(), repr(bytes(grant.secret)))
    assert [(url, field) for url, page in pages.items() for field in fields if field in page] == []


def test_deleting_a_consent_cuts_the_app_off(
    staff: Browser, guide: Guide, committed: Callable[..., object], events: Events
) -> None:
    """Deletion has the effect of the user's own Revoke button: consent, codes and tokens end, with an event."""
    access_token, code = guide.tokens()["access_token"], guide.code()
    consent = Consent.objects.get()
    with committed():  # type: ignore[attr-defined]
        staff.post(f"{CONSENTS}{consent.pk}/delete/", {"post": "yes"})
    [event] = events
    assert (guide.is_alive(access_token), guide.exchange(code).status_code) == (False, 400)
    assert (event["event"], event["user_id"], event["client_id"]) == (
        "app_deauthorised",
        guide.alice.pk,
        "presc_man_123",
    )


def test_deleting_consents_from_the_list_cuts_off_each(
    staff: Browser, guide: Guide, committed: Callable[..., object], events: Events
) -> None:
    """Django's own bulk deletion would announce nothing."""
    access_token = guide.tokens()["access_token"]
    data = {"action": "delete_selected", "_selected_action": [str(Consent.objects.get().pk)], "post": "yes"}
    with committed():  # type: ignore[attr-defined]
        staff.post(CONSENTS, data)
    assert (guide.is_alive(access_token), [event["event"] for event in events]) == (False, ["app_deauthorised"])


@pytest.mark.parametrize("from_list", [False, True], ids=["from its page", "from the list"])
def test_ending_one_connection_leaves_the_others(
    staff: Browser, guide: Guide, committed: Callable[..., object], events: Events, from_list: bool
) -> None:
    """If a phone is stolen, its connection ends; the consent and the other device stay."""
    stolen, kept = guide.tokens(), guide.tokens()
    grant = Grant.objects.earliest("created_at")
    url, data = f"{GRANTS}{grant.pk}/delete/", {"post": "yes"}
    if from_list:
        url, data = GRANTS, {"action": "delete_selected", "_selected_action": str(grant.pk), "post": "yes"}
    with committed():  # type: ignore[attr-defined]
        staff.post(url, data)
    [event] = events
    assert (guide.is_alive(stolen["access_token"]), guide.is_alive(kept["access_token"])) == (False, True)
    assert (event["event"], event["grant_id"], event["token_type"]) == ("token_revoked", grant.pk, "refresh_token")


@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_connections_are_neither_made_nor_edited_here(staff: Browser, consent: Consent, url: str) -> None:
    """Only the user can consent."""
    row = consent.pk if url == CONSENTS else consent.grants.latest("expires_at").pk
    assert [staff.get(f"{url}add/").status_code, staff.post(f"{url}{row}/change/", {}).status_code] == [403, 403]


@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_who_may_only_look_cannot_end_a_connection(onlooker: Browser, consent: Consent, url: str) -> None:
    """The permissions of Django's admin apply here, too."""
    row = consent.pk if url == CONSENTS else consent.grants.latest("expires_at").pk
    seen = onlooker.get(f"{url}{row}/change/").status_code
    refused = onlooker.post(f"{url}{row}/delete/", {"post": "yes"}).status_code
    assert (seen, refused, Consent.objects.count(), Grant.objects.count()) == (200, 403, 1, 3)


# -- the inventory -----------------------------------------------------------------------------------------------------


def listed(staff: Browser, **query: str) -> list[str]:
    """Client IDs of the list, in order."""
    page = staff.get(CONSENTS, query)
    assert page.status_code == 200
    return [consent.client.client_id for consent in page.context["cl"].result_list]


@pytest.fixture
def inventory(consent: Consent) -> Consent:
    """The guide's app, a client that registered itself, and a client from a document; the last two have an API."""
    Resource.objects.create(identifier="https://api.example/pills", name="Pills")
    for kind in Registration.Kind:
        app = Client.objects.create(client_id=kind.value, name=kind.value, redirect_uris="https://x.example/cb")
        Registration.objects.create(client=app, kind=kind, token_digest=kind.value, registered_at=consent.given_at)
        resources = f"https://api.example/{'pills' if kind == Registration.Kind.REGISTERED else 'pills2'} notes:read"
        given_at = consent.given_at - timedelta(days=len(kind.value))
        Consent.objects.create(user=consent.user, client=app, scope="", resources=resources, given_at=given_at)
    return consent


def test_staff_see_which_apps_act_for_whom_and_filter_them(staff: Browser, inventory: Consent) -> None:
    """Staff can filter by kind of registration, client, user and API."""
    assert listed(staff) == ["presc_man_123", "document", "registered"]
    assert listed(staff, kind="operator") == ["presc_man_123"]
    assert listed(staff, kind="registered") == ["registered"]
    assert listed(staff, kind="document") == ["document"]
    assert listed(staff, api="https://api.example/pills") == ["registered"]
    assert listed(staff, api="https://api.example/pills", kind="document") == []
    assert listed(staff, client__id__exact=str(inventory.client_id)) == ["presc_man_123"]
    assert listed(staff, q="alice document") == ["document"]
    assert listed(staff, q="alice nobody") == []
    page = staff.get(CONSENTS).content.decode()
    assert "Registered by the client itself" in page
    assert "https://api.example/pills (notes:read)" in page


def test_filters_that_have_nothing_to_choose_from_are_absent(staff: Browser, consent: Consent) -> None:
    """A project without APIs and self-registered clients has no use for these filters."""
    specs = [type(each).__name__ for each in staff.get(CONSENTS).context["cl"].filter_specs]
    assert specs == ["UntilFilter"]


def test_the_list_looks_at_the_latest_and_leads_to_those_before(
    staff: Browser, inventory: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost must not depend on the number of consents, even if a filter excludes all of the latest ones."""
    monkeypatch.setattr("oauth_service.admin.connections.MOST_LOOKED_AT", 2)
    assert listed(staff, kind="registered") == []
    url = f"{CONSENTS}?kind=registered"
    changelist = staff.get(url).context["cl"]
    [choice] = changelist.filter_specs[0].choices(changelist)
    changelist = staff.get(CONSENTS + choice["earlier"]).context["cl"]
    assert [consent.client.client_id for consent in changelist.result_list] == ["registered"]
    assert len(staff.get(GRANTS).context["cl"].result_list) == 2


LOOKED_AT = "Search and filters looked at the latest 2 apps that people have connected, back to "


def test_the_page_says_how_far_the_list_looked(
    staff: Browser, inventory: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staff must not take an empty list for "there is none" if it did not look at every consent."""
    monkeypatch.setattr("oauth_service.admin.connections.MOST_LOOKED_AT", 2)
    second = Consent.objects.get(client__client_id="document").given_at
    sentence = f"{LOOKED_AT}{second:%Y-%m-%d %H:%M:%S} UTC. There may be earlier ones that match."
    for query in ({"kind": "registered"}, {"api": "https://api.example/pills"}, {"q": "alice"}, {}):
        page = staff.get(CONSENTS, query).content.decode()
        assert sentence in page
    page = staff.get(CONSENTS, {"kind": "registered"}).content.decode()
    [earlier] = re.findall(r'href="([^"]*until=[^"]*)">Show earlier consents', page)
    found = staff.get(CONSENTS + earlier.replace("&amp;", "&")).context["cl"].result_list
    assert [consent.client.client_id for consent in found] == ["registered"]
    assert sentence in staff.get(GRANTS).content.decode()


def test_a_list_that_looked_at_everything_says_nothing(staff: Browser, inventory: Consent) -> None:
    """The note would only confuse."""
    pages = [staff.get(url).content.decode() for url in (CONSENTS, f"{CONSENTS}?kind=registered", GRANTS)]
    assert ["looked at the latest" in page for page in pages] == [False] * 3


@pytest.mark.parametrize("order", ["", "1", "-6", "8"])
def test_no_order_makes_the_list_look_at_others(
    staff: Browser, inventory: Consent, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    """Sorting applies to the shown rows only, so that no order reads the whole table."""
    monkeypatch.setattr("oauth_service.admin.connections.MOST_LOOKED_AT", 2)
    assert sorted(listed(staff, o=order)) == ["document", "presc_man_123"]


def test_staff_let_connections_end_and_go_on(
    staff: Browser, inventory: Consent, committed: Callable[..., object]
) -> None:
    """
    Each change is an event with the values before and after; a connection that ends earlier anyway stays unchanged.
    """
    Client.objects.filter(client_id="registered").update(connection_lifetime=timedelta(days=7))
    everything = [str(pk) for pk in Consent.objects.values_list("pk", flat=True)]
    with committed(), time_machine.travel(NOON, tick=False):  # type: ignore[attr-defined]
        page = staff.post(
            CONSENTS, {"action": "end_in_7", "_selected_action": everything}, follow=True
        ).content.decode()
        assert ("The end date of 2 apps was changed." in page, "1 app was not changed" in page) == (True, True)
        ends = Consent.objects.values_list("client__client_id", "ends_at")
        assert dict(ends) == {
            "presc_man_123": NOON + timedelta(days=7),
            "document": NOON + timedelta(days=7),
            "registered": None,
        }
        staff.post(CONSENTS, {"action": "end_never", "_selected_action": everything})
        assert set(Consent.objects.values_list("ends_at", flat=True)) == {None}
    audit.flush()
    told = AuditEvent.objects.filter(event="administered", client_id="presc_man_123").order_by("pk")
    assert list(told.values_list("changes", flat=True)) == [
        "ends_at: never → 2026-03-08T12:00:00+00:00",
        "ends_at: 2026-03-08T12:00:00+00:00 → never",
    ]


def test_who_may_only_look_sets_no_end(onlooker: Browser, consent: Consent) -> None:
    """An end date needs the permission to end a connection."""
    onlooker.post(CONSENTS, {"action": "end_in_1", "_selected_action": [str(consent.pk)]})
    assert Consent.objects.get().ends_at is None


def test_what_has_ended_by_date_is_on_no_list(staff: Browser, consent: Consent) -> None:
    """An ended consent waits for the sweep and counts as withdrawn."""
    Consent.objects.update(ends_at=timezone.now())
    assert listed(staff) == []
    assert len(staff.get(GRANTS).context["cl"].result_list) == 0


MANY = 3_000


def test_the_lists_read_no_more_than_they_look_at(
    staff: Browser, inventory: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement uses an index, whatever the search is."""
    monkeypatch.setattr("oauth_service.admin.connections.MOST_LOOKED_AT", 20)
    users = User.objects.bulk_create([User(username=f"user{number}") for number in range(MANY)])
    Consent.objects.bulk_create(
        Consent(user=user, client=inventory.client, scope="user", given_at=NOON + timedelta(seconds=number))
        for number, user in enumerate(users)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = f"client__id__exact={inventory.client_id}"
    queries = (
        "",
        client,
        "q=presc_man_123",
        "q=alice",
        "kind=registered",
        "api=https://api.example/pills",
        "o=8",
        "p=1",
    )
    for url in [f"{CONSENTS}?{query}" for query in queries] + [GRANTS, f"{GRANTS}?q=presc_man_123"]:
        with CaptureQueriesContext(connection) as statements:
            assert staff.get(url).status_code == 200
        asked = [each["sql"] for each in statements if f'FROM "{Consent._meta.db_table}"' in each["sql"]]
        assert asked
        assert [sql for sql in asked if reads_whole(sql)] == []


def test_a_statement_that_reads_every_consent_is_found(db: None) -> None:
    """Otherwise the test above could not fail."""
    assert reads_whole(f'SELECT * FROM "{Consent._meta.db_table}" WHERE "scope" = \'x\'')  # noqa: S608


def reads_whole(sql: str) -> bool:
    """Return whether a plan scans the whole table of consents, instead of an index that it may leave early."""
    table = Consent._meta.db_table
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + sql)
        plan = [str(row[-1]) for row in cursor.fetchall()]
    if connection.vendor == "sqlite":
        scans = [each for each in plan if re.match(rf"SCAN {table}\b", each) and "USING" not in each]
        # A single user's consents are few, and may be sorted.
        is_sorted = any("USE TEMP B-TREE FOR ORDER BY" in each for each in plan) and "LIMIT" in sql[-20:]
        return bool(scans) or (is_sorted and '"user_id" =' not in sql)
    return any(f"Seq Scan on {table}" in each for each in plan)
