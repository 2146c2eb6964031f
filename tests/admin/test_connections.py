"""Seeing and ending connections in the admin."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service import signals
from oauth_service.models import Consent, Grant
from tests.guide import Guide

CONSENTS = "/admin/oauth_service/consent/"
GRANTS = "/admin/oauth_service/grant/"
Events = list[dict[str, object]]


@pytest.fixture
def events() -> Iterator[Events]:
    """The facts of every connection that was announced to have ended."""
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
    """Two connections are alive, the third has expired."""
    page = staff.get(CONSENTS).content.decode()
    assert [word for word in ("Prescription Manager", "alice", "user profile", ">2<") if word not in page] == []


def test_a_list_costs_the_same_however_many_consents_it_shows(
    staff: Browser, consent: Consent, django_assert_max_num_queries: Callable[..., object]
) -> None:
    """Session, user, two counts and the rows with all they show; dates of the hierarchy: no statement for each row."""
    for number in range(5):
        user = User.objects.create(username=f"user{number}")
        Consent.objects.create(user=user, client=consent.client, scope="user", given_at=consent.given_at)
    with django_assert_max_num_queries(8):  # type: ignore[attr-defined]
        staff.get(CONSENTS)


@pytest.mark.parametrize("words", ["alice", "alice@example.com", "Prescription", "presc_man_123"])
@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_connections_are_found_by_user_and_by_client(staff: Browser, consent: Consent, url: str, words: str) -> None:
    """What a person on the telephone says about it."""
    assert len(staff.get(url, {"q": words}).context["cl"].result_list) == {CONSENTS: 1, GRANTS: 2}[url]


@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_a_search_leaves_out_what_does_not_match(staff: Browser, consent: Consent, url: str) -> None:
    """A search that finds everything finds nothing."""
    assert len(staff.get(url, {"q": "nobody"}).context["cl"].result_list) == 0


@pytest.mark.parametrize("owner", ["user", "client"])
def test_connections_of_nobody_are_not_counted(staff: Browser, consent: Consent, owner: str) -> None:
    """Rows that a deletion left behind are void, and wait for the sweep; they are nobody's to see."""
    getattr(consent, owner).delete()
    found = staff.get(GRANTS).context["cl"]
    assert (len(found.result_list), found.result_count, found.full_result_count) == (0, 0, 0)


def test_a_client_leads_to_who_has_connected_it(staff: Browser, consent: Consent, public_app: object) -> None:
    """The list behind the link holds its consents only."""
    link = f"{CONSENTS}?client__id__exact={consent.client_id}"
    page = staff.get(f"/admin/oauth_service/client/{consent.client_id}/change/").content.decode()
    assert (link in page, list(staff.get(link).context["cl"].result_list)) == (True, [consent])


def test_the_page_of_a_consent_shows_its_live_connections(staff: Browser, consent: Consent) -> None:
    """Each with the way to end it alone."""
    page = staff.get(f"{CONSENTS}{consent.pk}/change/").content.decode()
    shown = [grant.expires_at > consent.given_at for grant in consent.grants.all() if f"{GRANTS}{grant.pk}/" in page]
    assert shown == [True, True]


def test_no_page_shows_what_seals_the_tokens(staff: Browser, consent: Consent) -> None:
    """Neither as hexadecimal nor in any other way: the fields are not on the pages at all."""
    grant = Grant.objects.latest("expires_at")
    urls = [CONSENTS, f"{CONSENTS}{consent.pk}/change/", GRANTS, f"{GRANTS}{grant.pk}/change/"]
    pages = {url: staff.get(url).content.decode() for url in urls}
    fields = ("secret", "code_challenge", "redirect_uri", bytes(grant.secret).hex(), repr(bytes(grant.secret)))
    assert [(url, field) for url, page in pages.items() for field in fields if field in page] == []


def test_deleting_a_consent_cuts_the_app_off(
    staff: Browser, guide: Guide, committed: Callable[..., object], events: Events
) -> None:
    """It does what its owner's Revoke button does: consent, codes and tokens end, and an event says so."""
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
    """Django's own bulk deletion would tell nobody."""
    access_token = guide.tokens()["access_token"]
    data = {"action": "delete_selected", "_selected_action": [str(Consent.objects.get().pk)], "post": "yes"}
    with committed():  # type: ignore[attr-defined]
        staff.post(CONSENTS, data)
    assert (guide.is_alive(access_token), [event["event"] for event in events]) == (False, ["app_deauthorised"])


@pytest.mark.parametrize("from_list", [False, True], ids=["from its page", "from the list"])
def test_ending_one_connection_leaves_the_others(
    staff: Browser, guide: Guide, committed: Callable[..., object], events: Events, from_list: bool
) -> None:
    """A stolen phone: that device goes, the consent and the other device stay."""
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
    """Only a person can consent."""
    row = consent.pk if url == CONSENTS else consent.grants.latest("expires_at").pk
    assert [staff.get(f"{url}add/").status_code, staff.post(f"{url}{row}/change/", {}).status_code] == [403, 403]


@pytest.mark.parametrize("url", [CONSENTS, GRANTS])
def test_who_may_only_look_cannot_end_a_connection(onlooker: Browser, consent: Consent, url: str) -> None:
    """The rights of Django's admin hold here too."""
    row = consent.pk if url == CONSENTS else consent.grants.latest("expires_at").pk
    seen = onlooker.get(f"{url}{row}/change/").status_code
    refused = onlooker.post(f"{url}{row}/delete/", {"post": "yes"}).status_code
    assert (seen, refused, Consent.objects.count(), Grant.objects.count()) == (200, 403, 1, 3)
