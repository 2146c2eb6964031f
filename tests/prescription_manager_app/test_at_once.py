"""Simultaneous requests: each one-time action happens once, and every request learns how it ended."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from prescription_manager_app import waiting
from prescription_manager_app.experiments import TRIAL_LIFETIME
from prescription_manager_app.models import Authorization, Connection, Patient, Prescription, RecordedExchange, SignOut
from prescription_manager_app.outcomes import Outcome
from tests.prescription_manager_app.conftest import Browser, Page
from tests.prescription_manager_app.fake_server import Answer, FakeServer
from tests.prescription_manager_app.threads import at_once, in_tabs, tab_of

pytestmark = pytest.mark.django_db(transaction=True)

TABS = 8


def slow(server: FakeServer) -> None:
    """Delay the server, so that the other requests arrive while it handles the first."""
    server.delay_seconds = 0.1


# -- one answer --------------------------------------------------------------------------------------------------------


def test_one_answer_in_many_requests_is_exchanged_once_and_connects_all(browser: Browser) -> None:
    """A second exchange is a replay (RFC 6749 section 4.1.2): the server would end the connection of the first."""
    query = browser.server.allow(browser.depart())
    slow(browser.server)
    pages = in_tabs(browser, TABS, lambda tab: tab.come_back(query))
    assert [(page.status_code, "Connected as Alice" in page.text) for page in pages] == [(200, True)] * TABS
    assert len(browser.server.sent_to("/token/")) == 1
    assert (Connection.objects.count(), len(browser.server.grants)) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(400, {"error": "invalid_grant"}), Outcome.CODE_REFUSED),
        (Answer(503), Outcome.SERVER_ERROR),
        (Answer(200, "nonsense"), Outcome.MALFORMED_ANSWER),
    ],
)
def test_an_exchange_that_fails_fails_for_all_alike(browser: Browser, answer: Answer, outcome: Outcome) -> None:
    query = browser.server.allow(browser.depart())
    browser.server.faults["/token/"] = lambda: answer
    slow(browser.server)
    pages = in_tabs(browser, TABS, lambda tab: tab.come_back(query))
    assert [page.redirects for page in pages] == [[f"/outcome/{outcome.slug}/"]] * TABS
    assert len(browser.server.sent_to("/token/")) == 1


def test_a_refusal_in_many_requests_is_told_to_all(browser: Browser) -> None:
    query = browser.server.deny(browser.depart())
    pages = in_tabs(browser, TABS, lambda tab: tab.come_back(query))
    assert [page.redirects for page in pages] == [["/outcome/access_denied/"]] * TABS


def test_two_answers_to_one_request_use_one_of_them(browser: Browser) -> None:
    """An attacker who adds a response to Alice's cannot have both used."""
    url = browser.depart()
    queries = [browser.server.allow(url), browser.server.allow(url)]
    slow(browser.server)
    pages = at_once(*[partial(tab_of(browser).come_back, query) for query in queries])
    assert sorted("Connected as Alice" in page.text for page in pages) == [False, True]
    assert sorted("does not belong to your visit" in page.text for page in pages) == [False, True]
    assert len(browser.server.sent_to("/token/")) == 1


def test_a_browser_that_dropped_the_first_response_is_connected_by_the_second(browser: Browser) -> None:
    """A user who reloads the page while it loads never gets the session key of the first response."""
    query = browser.server.allow(browser.depart())
    impatient = tab_of(browser)
    browser.come_back(query)
    assert "Connected as Alice" in impatient.come_back(query).text
    assert "Connected as Alice" in browser.home().text
    assert len(browser.server.sent_to("/token/")) == 1


def test_the_old_session_key_alone_opens_nothing(browser: Browser) -> None:
    """Session fixation: an attacker who planted the old key must not share the connection."""
    query = browser.server.allow(browser.depart())
    fixed = tab_of(browser)
    browser.come_back(query)
    assert "Connect to OAuth Service" in fixed.home().text
    assert set(fixed.client.session.keys()) == {"visitor", "_session_expiry"}


def test_an_answer_of_yesterday_connects_nobody_again(browser: Browser) -> None:
    """Old addresses stay in histories and logs."""
    query = browser.server.allow(browser.depart())
    old = tab_of(browser)
    browser.come_back(query)
    Authorization.objects.update(taken_at=timezone.now() - timedelta(minutes=3))
    assert "does not belong to your visit" in old.come_back(query).text


def test_an_answer_after_logout_connects_nobody_again(browser: Browser) -> None:
    query = browser.server.allow(browser.depart())
    old = tab_of(browser)
    browser.come_back(query)
    browser.press("/logout/")
    assert "does not belong to your visit" in old.come_back(query).text


def test_a_first_request_that_was_killed_is_waited_for_and_told(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The killed request may have used the code, and using it again might end a connection."""
    query = browser.server.allow(browser.depart())
    begun = Authorization.objects.get()
    Authorization.objects.take(begun, answer=query, now=timezone.now())
    monkeypatch.setattr(waiting, "PATIENCE", timedelta(seconds=0.2))
    page = browser.come_back(query)
    assert (page.redirects, browser.server.heard) == (["/outcome/server_timeout/"], [])
    assert "Connect to OAuth Service" in page.text


# -- several connections -----------------------------------------------------------------------------------------------


def test_tabs_that_begin_at_once_can_all_end(browser: Browser) -> None:
    """A tab's request must survive another tab that begins at the same moment."""
    browser.depart()
    urls = in_tabs(browser, 4, lambda tab: tab.depart())
    pages = [browser.come_back(browser.server.allow(url)) for url in urls]
    assert ["Connected as Alice" in page.text for page in pages] == [True] * 4


def test_two_tabs_that_connect_at_once_share_one_connection(browser: Browser) -> None:
    """No tab may be left with a connection that cannot be ended."""
    queries = [browser.server.allow(browser.depart()) for _ in range(4)]
    tabs = [tab_of(browser) for _ in queries]
    slow(browser.server)
    at_once(*[partial(tab.come_back, query) for tab, query in zip(tabs, queries, strict=True)])
    assert (Connection.objects.count(), len(browser.server.grants)) == (1, 1)
    assert ["Connected as Alice" in tab.home().text for tab in tabs] == [True] * 4
    tabs[0].press("/logout/")
    assert (Connection.objects.count(), browser.server.grants) == (0, {})


def test_a_page_whose_connection_is_replaced_meanwhile_goes_on_with_the_newest(browser: Browser) -> None:
    """Another tab has connected and revoked the older connection while its access token was in use."""
    query = browser.server.allow(browser.depart())
    other = tab_of(browser)
    late = browser.server.allow(other.depart())
    browser.come_back(query)

    def replace_meanwhile() -> Answer:
        browser.server.faults.clear()
        other.come_back(late)
        return Answer(401)

    browser.server.faults["/userinfo/"] = replace_meanwhile
    assert "Connected as Alice" in browser.home().text
    assert "Connected as Alice" in browser.home().text


# -- logging out -------------------------------------------------------------------------------------------------------


def test_logging_out_in_many_tabs_revokes_each_token_once(alice: Browser) -> None:
    slow(alice.server)
    pages = in_tabs(alice, TABS, lambda tab: tab.press("/logout/"))
    assert ["You are signed out</h1>" in page.text for page in pages] == [True] * TABS
    assert len(alice.server.sent_to("/oauth/revoke/")) == 2
    assert (Connection.objects.count(), alice.server.grants) == (0, {})


def test_a_revocation_that_was_not_confirmed_is_told_to_all(alice: Browser) -> None:
    """The second click must not claim what the first one could not."""
    alice.server.faults["/oauth/revoke/"] = lambda: Answer(503)
    slow(alice.server)
    pages = in_tabs(alice, TABS, lambda tab: tab.press("/logout/"))
    assert ["You are signed out here" in page.text for page in pages] == [True] * TABS
    assert len(alice.server.sent_to("/oauth/revoke/")) == 1


def test_a_logout_that_was_killed_is_not_called_confirmed(alice: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    SignOut.objects.begin(Connection.objects.get(), now=timezone.now())
    monkeypatch.setattr(waiting, "PATIENCE", timedelta(seconds=0.2))
    assert "You are signed out here" in alice.press("/logout/").text


def test_a_page_that_ends_after_a_logout_in_another_tab_leads_to_the_start(
    alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has data to save but its session is gone. Django's own error page must not appear."""
    prescription = prescribe(refills_left=1)
    other = tab_of(alice)

    def log_out_meanwhile() -> Answer:
        alice.server.faults.clear()
        other.press("/logout/")
        return Answer(200, alice.server.profile)

    alice.server.faults["/userinfo/"] = log_out_meanwhile
    page = alice.press(f"/prescriptions/{prescription.pk}/stop/")
    assert (page.status_code, page.redirects) == (200, ["/"])
    assert "Connect to OAuth Service" in page.text


# -- prescriptions -----------------------------------------------------------------------------------------------------


def prescribe(*, refills_left: int) -> Prescription:
    return Prescription.objects.create(
        patient=Patient.objects.get(),
        medicine="Salbutamol",
        dose="2 puffs",
        schedule="When needed",
        refills_left=refills_left,
        prescriber="Dr Lund",
        added_at=timezone.now(),
    )


def test_renewing_in_many_tabs_uses_one_refill(alice: Browser) -> None:
    prescription = prescribe(refills_left=5)

    def renew(tab: Browser) -> Page:
        return tab.press(f"/prescriptions/{prescription.pk}/renew/", {"refills_left": 5})

    pages = in_tabs(alice, TABS, renew)
    prescription.refresh_from_db()
    assert ({page.status_code for page in pages}, prescription.refills_left) == ({200}, 4)


def test_stopping_at_once_stops_once(alice: Browser) -> None:
    prescription = prescribe(refills_left=5)
    stop = partial(Prescription.objects.stop, prescription.pk, now=timezone.now())
    assert sum(at_once(*[stop] * TABS)) == 1


# -- experiments -------------------------------------------------------------------------------------------------------


def try_it(tab: Browser, slug: str) -> str:
    """Click "Try it"; return the experiment's part of the page that this tab is sent to."""
    return tab.press(f"/lifecycle/try/{slug}/").text.split(f'<li id="{slug}"')[1].split('<li id="')[0]


@pytest.mark.usefixtures("development")
def test_one_experiment_in_many_tabs_shows_each_its_own_run(alice: Browser) -> None:
    """A tab must not show messages of another tab's run."""
    alice.home()
    slow(alice.server)
    told = in_tabs(alice, 4, lambda tab: try_it(tab, "wrong-client-secret"))
    assert [("Refused, as it must be." in each, each.count("POST /token/ HTTP/1.1")) for each in told] == [
        (True, 3)
    ] * 4


@pytest.mark.usefixtures("development")
def test_an_experiment_that_ends_the_connection_waits_for_the_others(alice: Browser) -> None:
    """Each refusal has its own reason, in either order, and the other experiments say what they need."""
    slow(alice.server)
    slugs = ["old-refresh-token", "revoked-access-token", "wrong-client-secret", "old-refresh-token"]
    told = at_once(*[partial(try_it, tab_of(alice), slug) for slug in slugs])
    requests = {"old-refresh-token": 4, "revoked-access-token": 4, "wrong-client-secret": 3}
    for slug, each in zip(slugs, told, strict=True):
        sent = each.count("POST /token/ HTTP/1.1") + each.count("POST /oauth/revoke/") + each.count("GET /userinfo/")
        is_refused = "Refused, as it must be." in each
        assert (is_refused, sent) in [(True, requests[slug]), (False, 0)], (slug, each)


@pytest.mark.usefixtures("development")
def test_a_tampered_state_belongs_to_the_tab_that_sent_it(alice: Browser) -> None:
    """The response arrives in a request of its own."""
    tabs = [tab_of(alice) for _ in range(2)]
    sent = [tab.client.post("/lifecycle/try/tampered-state/")["Location"] for tab in tabs]
    assert len(set(sent)) == 2
    for tab, url in zip(tabs, sent, strict=True):
        tab.come_back(url.partition("?")[2])
    runs = {exchange.run: exchange.experiment for exchange in RecordedExchange.objects.exclude(run=None)}
    assert list(runs.values()) == ["tampered-state"] * 2


@pytest.mark.usefixtures("development")
def test_an_experiment_that_was_killed_is_not_waited_for_for_ever(
    alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next experiment reports it, and a minute later it can be tried again."""
    now = timezone.now()
    connection = Connection.objects.get()
    assert Connection.objects.claim_trial(connection, until=now + TRIAL_LIFETIME, now=now)
    monkeypatch.setattr(waiting, "PATIENCE", timedelta(seconds=0.2))
    assert "still running in another tab" in alice.press("/lifecycle/try/wrong-client-secret/").text
    Connection.objects.update(tried_until=now)
    assert "Refused, as it must be." in try_it(alice, "wrong-client-secret")
