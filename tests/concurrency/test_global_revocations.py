"""
Requests in flight during a global revocation: afterwards nothing of the user is accepted, and all sessions are over.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Consent, Grant, SessionMark
from tests.clauses import clause
from tests.concurrency.conftest import RowCounts, Tabs, is_dead, row_counts, won
from tests.concurrency.deletions import repeated
from tests.concurrency.threads import PATIENCE_SECONDS, started, stopped, together
from tests.device.actors import Device, Visitor, new_tv_app
from tests.guide import Guide
from tests.revocation.actors import Console, console_of

NOTHING = RowCounts(consents=0, codes=0, grants=0)
ROUNDS = range(4)
STEPS = [
    pytest.param('INSERT INTO "oauth_service_sessionmark"', id="marks"),
    pytest.param('DELETE FROM "oauth_service_consent"', id="consents"),
    pytest.param('DELETE FROM "oauth_service_authorizationcode"', id="codes"),
    pytest.param('DELETE FROM "oauth_service_grant"', id="grants"),
]


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    """Global revocation and devices, switched on before any sign-in."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True


@pytest.fixture
def console(guide: Guide) -> Console:
    """The console, whose secret has been checked before, as in a running server."""
    console = console_of("console")
    assert console.revoke({"format": "opaque", "id": "999999"}).status_code == 404
    return console


@clause("Global Token Revocation", "3.3")
def test_refreshes_that_meet_it_hand_out_nothing_that_outlives_it(console: Console, guide: Guide) -> None:
    """Seven devices refresh at once."""
    for _ in ROUNDS:
        before = [guide.tokens() for _ in range(7)]
        refreshes = [partial(guide.refresh, tokens["refresh_token"]) for tokens in before]
        ending, *answers = together(partial(console.end, guide.alice), *refreshes)
        assert ending.status_code == 204
        assert (is_dead(guide, *before, *won(*answers)), row_counts()) == (True, NOTHING)


@clause("Global Token Revocation", "3.3")
def test_exchanges_that_meet_it_hand_out_nothing_that_outlives_it(console: Console, guide: Guide) -> None:
    """Each code has ended, whether or not it became a grant."""
    for _ in ROUNDS:
        codes = [guide.code() for _ in range(7)]
        exchanges = [partial(guide.exchange, code) for code in codes]
        ending, *answers = together(partial(console.end, guide.alice), *exchanges)
        assert ending.status_code == 204
        assert (is_dead(guide, *won(*answers)), row_counts()) == (True, NOTHING)


@clause("Global Token Revocation", "3.3")
@pytest.mark.parametrize("step", STEPS)
def test_it_takes_the_grant_of_an_exchange_at_any_of_its_steps(console: Console, guide: Guide, step: str) -> None:
    """
    A grant written between the steps belongs to a consent that is being deleted, or waits for one that is already gone.
    """
    code = guide.code()
    with stopped(partial(console.end, guide.alice), before=step) as ending:
        exchange = started(partial(guide.exchange, code))
    assert ending.result().status_code == 204
    assert is_dead(guide, *won(exchange.result(PATIENCE_SECONDS)))
    assert Consent.objects.count() == 0


@clause("Global Token Revocation", "3.3")
@pytest.mark.parametrize("step", STEPS)
def test_it_takes_what_was_refreshed_at_any_of_its_steps(console: Console, guide: Guide, step: str) -> None:
    """The revocation's transaction sees what others write between its statements."""
    tokens = guide.tokens()
    with stopped(partial(console.end, guide.alice), before=step) as ending:
        refresh = started(partial(guide.refresh, tokens["refresh_token"]))
    assert ending.result().status_code == 204
    assert is_dead(guide, tokens, *won(refresh.result(PATIENCE_SECONDS)))


def is_signed_out(answer: Any) -> bool:
    """Return whether the browser was sent to the login page."""
    return bool(answer.status_code == 302 and answer["Location"].startswith("/login/"))


def is_over(guide: Guide, *allowed: Any) -> bool:
    """Return whether no code that Allow returned is valid, and Alice's sessions are over."""
    codes = [answer["Location"].partition("code=")[2].partition("&")[0] for answer in allowed]
    return {guide.exchange(code).status_code for code in filter(None, codes)} <= {400} and not Grant.objects.exists()


@clause("Global Token Revocation", "3.3")
def test_allow_in_flight_gives_nothing_new(console: Console, guide: Guide, tabs: Tabs) -> None:
    """The session was valid when the request began. Without a check, its new consent would outlive the revocation."""
    guide.tokens()
    with stopped(tabs.allow, before=("BEGIN", 'UPDATE "oauth_service_sessionmark"')) as answer:
        assert console.end(guide.alice).status_code == 204
    assert (is_signed_out(answer.result()), row_counts()) == (True, NOTHING)


@clause("Global Token Revocation", "3.3")
@pytest.mark.parametrize("step", STEPS)
def test_allow_at_any_of_its_steps_gives_nothing_new(console: Console, guide: Guide, tabs: Tabs, step: str) -> None:
    """The request waits for the end of the revocation, and then sees it."""
    guide.tokens()
    with stopped(partial(console.end, guide.alice), before=step) as ending:
        answer = started(tabs.allow)
    assert ending.result().status_code == 204
    assert is_over(guide, answer.result(PATIENCE_SECONDS))
    assert Consent.objects.count() == 0


@clause("Global Token Revocation", "3.3")
def test_it_waits_for_an_allow_that_was_first(console: Console, guide: Guide, tabs: Tabs) -> None:
    """Allow holds the mark of Alice's sessions, so the revocation waits and finds the consent."""
    SessionMark.objects.all().delete()  # so that neither of the two finds a row
    with stopped(tabs.allow, before='INSERT INTO "oauth_service_consent"') as answer:
        ending = started(partial(console.end, guide.alice))
    assert ending.result(PATIENCE_SECONDS).status_code == 204
    assert (is_over(guide, answer.result()), Consent.objects.count()) == (True, 0)


@clause("Global Token Revocation", "3.3")
def test_allows_and_ends_that_meet_leave_nothing(console: Console, guide: Guide, tabs: Tabs) -> None:
    """Several of each run at once, without a deadlock and without anything valid at the end."""
    for _ in ROUNDS:
        tabs.browser.force_login(guide.alice)
        calls: list[Callable[[], Any]] = [*[partial(console.end, guide.alice)] * 3, *[tabs.allow] * 5]
        answers = together(*calls)
        assert [answer.status_code for answer in answers[:3]] == [204] * 3
        assert (is_over(guide, *answers[3:]), Consent.objects.count()) == (True, 0)
        assert is_signed_out(tabs.browser.get("/manage-apps/"))


@clause("Global Token Revocation", "3.3")
def test_a_device_that_is_allowed_meanwhile_gets_nothing(console: Console, guide: Guide) -> None:
    """Devices follow the same rule as apps in the browser."""
    tv, visitor = Device(new_tv_app()), Visitor(guide.alice)
    begun = tv.begun()
    page = visitor.enter(begun["user_code"])
    with stopped(
        partial(visitor.send, page, allow="1"), before=("BEGIN", 'UPDATE "oauth_service_sessionmark"')
    ) as answer:
        assert console.end(guide.alice).status_code == 204
    assert (is_signed_out(answer.result()), Consent.objects.count()) == (True, 0)
    assert tv.error(begun["device_code"]) == "authorization_pending"  # a user who signs in again may still decide


@clause("Global Token Revocation", "3.3")
def test_polls_that_meet_it_hand_out_nothing_that_outlives_it(console: Console, guide: Guide) -> None:
    """A device redeems its approved code at that very moment."""
    tv = Device(new_tv_app())
    for _ in ROUNDS:
        begun = tv.begun()
        Visitor(guide.alice).allow(begun["user_code"])
        poll = partial(tv.poll, begun["device_code"])
        ending, *answers = together(partial(console.end, guide.alice), *[poll] * 5)
        assert ending.status_code == 204
        assert [guide.is_alive(each["access_token"]) for each in won(*answers)] == [False] * len(won(*answers))


def test_the_deletion_of_the_user_meets_it_without_a_deadlock(console: Console, guide: Guide) -> None:
    """At the default isolation level nothing repeats the deletion, so a deadlock would fail it."""
    for number in ROUNDS:
        user = User.objects.create_user(f"user{number}")
        Guide(user, guide.client).tokens()
        ending, _ = together(partial(console.end, user), partial(repeated, user.delete))
        assert ending.status_code in (204, 404)
    assert Consent.objects.count() == 0  # a grant without its consent is void, and the sweep deletes it
