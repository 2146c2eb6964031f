"""
Requests in flight while something ends: afterwards nothing that depends on it is accepted, not even the newest tokens.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from oauth_service.models import Client, Consent, Grant, RevokedToken
from oauth_service.models.purge import sweep
from tests.clauses import clause
from tests.concurrency.conftest import RowCounts, Tabs, is_dead, row_counts, won
from tests.concurrency.deletions import delete_client, delete_user
from tests.concurrency.threads import PATIENCE_SECONDS, started, stopped, together
from tests.guide import Guide, query_of

NOTHING = RowCounts(consents=0, codes=0, grants=0)
ROUNDS = range(4)
STEPS_OF_DEAUTHORISE = [
    pytest.param('DELETE FROM "oauth_service_consent"', id="consent"),
    pytest.param('DELETE FROM "oauth_service_authorizationcode"', id="codes"),
    pytest.param('DELETE FROM "oauth_service_grant"', id="grants"),
]


# -- refresh against revoke --------------------------------------------------------------------------------------------


@clause("RFC 7009", "2")
def test_a_refresh_in_flight_gets_nothing_from_a_token_that_is_revoked_meanwhile(guide: Guide) -> None:
    """The refresh found the grant alive, but its UPDATE finds no row."""
    tokens = guide.tokens()
    with stopped(partial(guide.refresh, tokens["refresh_token"])) as refresh:
        assert guide.revoke(tokens["refresh_token"]).status_code == 200
    assert refresh.result().json()["error"] == "invalid_grant"
    assert (is_dead(guide, tokens), row_counts().grants) == (True, 0)


@clause("RFC 7009", "2")
def test_a_revocation_takes_the_tokens_of_the_refresh_that_overtook_it(guide: Guide) -> None:
    """ "the authorization server SHOULD also invalidate all access tokens based on the same authorization grant"."""
    tokens = guide.tokens()
    with stopped(partial(guide.revoke, tokens["refresh_token"])) as revocation:
        [newest] = won(guide.refresh(tokens["refresh_token"]))
    assert (revocation.result().status_code, is_dead(guide, tokens, newest), row_counts().grants) == (200, True, 0)


@clause("RFC 7009", "2")
def test_refreshes_that_meet_a_revocation_hand_out_nothing_that_outlives_it(guide: Guide) -> None:
    """Some refreshes succeed and some are too late. None of their tokens may survive."""
    for _ in ROUNDS:
        tokens = guide.tokens()
        refreshes = [partial(guide.refresh, tokens["refresh_token"])] * 7
        revocation, *answers = together(partial(guide.revoke, tokens["refresh_token"]), *refreshes)
        assert revocation.status_code == 200
        assert (is_dead(guide, tokens, *won(*answers)), row_counts().grants) == (True, 0)


@clause("RFC 7009", "2")
def test_retries_that_meet_a_revocation_hand_out_nothing_that_outlives_it(guide: Guide) -> None:
    """A retry writes nothing, so no row count shows it the revocation. Its tokens are void without their grant."""
    for _ in ROUNDS:
        tokens = guide.tokens()
        [newest] = won(guide.refresh(tokens["refresh_token"]))
        retries = [partial(guide.refresh, tokens["refresh_token"])] * 7
        revocation, *answers = together(partial(guide.revoke, newest["refresh_token"]), *retries)
        assert revocation.status_code == 200
        assert (is_dead(guide, newest, *won(*answers)), row_counts().grants) == (True, 0)


# -- an access token's end against its use -----------------------------------------------------------------------------


@clause("RFC 7009", "2")
def test_a_use_in_flight_does_not_survive_the_revocation_of_its_token(guide: Guide) -> None:
    """A single statement checks everything, so nothing is decided by an earlier read."""
    tokens = guide.tokens()
    with stopped(partial(guide.userinfo, tokens["access_token"]), before="SELECT") as use:
        assert guide.revoke(tokens["access_token"]).status_code == 200
    assert use.result().status_code == 401


@clause("RFC 7009", "2")
def test_uses_that_meet_the_revocation_of_their_token_are_answered_or_refused(guide: Guide) -> None:
    """Requests that come before the revocation succeed, and later ones are refused. The connection stays alive."""
    for _ in ROUNDS:
        tokens = guide.tokens()
        uses = [partial(guide.userinfo, tokens["access_token"])] * 7
        revocation, *answers = together(partial(guide.revoke, tokens["access_token"]), *uses)
        assert (revocation.status_code, {answer.status_code for answer in answers} <= {200, 401}) == (200, True)
        assert not guide.is_alive(tokens["access_token"])
        assert guide.refresh(tokens["refresh_token"]).status_code == 200


def test_many_revocations_of_one_access_token_are_one(guide: Guide) -> None:
    """
    Each client learns that the token is no longer valid, which is all that it wants to know (RFC 7009 section 2.2).
    """
    tokens = guide.tokens()
    answers = together(*[partial(guide.revoke, tokens["access_token"])] * 20)
    assert ([answer.status_code for answer in answers], RevokedToken.objects.count()) == ([200] * 20, 1)
    assert not guide.is_alive(tokens["access_token"])


# -- exchange against deauthorise --------------------------------------------------------------------------------------


def test_an_exchange_in_flight_gets_nothing_once_the_app_was_deauthorised(guide: Guide, tabs: Tabs) -> None:
    """The exchange found the code and its consent, but its DELETE finds no row."""
    code = guide.code()
    with stopped(partial(guide.exchange, code)) as exchange:
        assert tabs.deauthorise().status_code == 302
    assert (exchange.result().json()["error"], row_counts()) == ("invalid_grant", NOTHING)


@pytest.mark.parametrize("step", STEPS_OF_DEAUTHORISE)
def test_deauthorise_takes_the_grant_of_an_exchange_at_any_of_its_steps(guide: Guide, tabs: Tabs, step: str) -> None:
    """
    A grant written between the steps belongs to a consent that is being deleted, or waits for one that is already gone.
    """
    code = guide.code()
    with stopped(tabs.deauthorise, before=step) as ending:
        exchange = started(partial(guide.exchange, code))
    assert ending.result().status_code == 302
    handed_out = won(exchange.result(PATIENCE_SECONDS))
    assert (is_dead(guide, *handed_out), row_counts()) == (True, NOTHING)


def test_deauthorise_waits_for_the_exchange_that_has_taken_the_code(guide: Guide, tabs: Tabs) -> None:
    """
    The code is deleted and its grant does not exist yet. Without waiting, nothing would be deleted, and the grant would
    survive.
    """
    code = guide.code()
    with stopped(partial(guide.exchange, code), before=('INSERT INTO "oauth_service_grant"', "WITH")) as exchange:
        ending = started(tabs.deauthorise)
    assert ending.result(PATIENCE_SECONDS).status_code == 302
    assert (is_dead(guide, *won(exchange.result())), row_counts()) == (True, NOTHING)


def test_exchanges_that_meet_deauthorise_hand_out_nothing_that_outlives_it(guide: Guide, tabs: Tabs) -> None:
    """Seven devices exchange their codes. Whether or not each code became a grant, it has ended."""
    for _ in ROUNDS:
        codes = [guide.code() for _ in range(7)]
        exchanges = [partial(guide.exchange, code) for code in codes]
        ending, *answers = together(tabs.deauthorise, *exchanges)
        assert ending.status_code == 302
        assert (is_dead(guide, *won(*answers)), row_counts()) == (True, NOTHING)


# -- refresh against deauthorise ---------------------------------------------------------------------------------------


def test_a_refresh_in_flight_gets_nothing_once_the_app_was_deauthorised(guide: Guide, tabs: Tabs) -> None:
    """The refresh fails both in its UPDATE and when it reads the grant again."""
    tokens = guide.tokens()
    with stopped(partial(guide.refresh, tokens["refresh_token"])) as refresh:
        assert tabs.deauthorise().status_code == 302
    assert (refresh.result().json()["error"], is_dead(guide, tokens), row_counts()) == ("invalid_grant", True, NOTHING)


@pytest.mark.parametrize("step", STEPS_OF_DEAUTHORISE)
def test_deauthorise_takes_what_was_refreshed_at_any_of_its_steps(guide: Guide, tabs: Tabs, step: str) -> None:
    """The deauthorisation's transaction sees what others write between its statements."""
    tokens = guide.tokens()
    with stopped(tabs.deauthorise, before=step) as ending:
        refresh = started(partial(guide.refresh, tokens["refresh_token"]))
    assert ending.result().status_code == 302
    assert (is_dead(guide, tokens, *won(refresh.result(PATIENCE_SECONDS))), row_counts()) == (True, NOTHING)


def test_refreshes_that_meet_deauthorise_hand_out_nothing_that_outlives_it(guide: Guide, tabs: Tabs) -> None:
    """Seven devices refresh at once."""
    for _ in ROUNDS:
        before = [guide.tokens() for _ in range(7)]
        refreshes = [partial(guide.refresh, tokens["refresh_token"]) for tokens in before]
        ending, *answers = together(tabs.deauthorise, *refreshes)
        assert ending.status_code == 302
        assert (is_dead(guide, *before, *won(*answers)), row_counts()) == (True, NOTHING)


# -- consent against deauthorise ---------------------------------------------------------------------------------------


def test_a_code_that_was_in_flight_is_void_once_the_app_was_deauthorised(guide: Guide, tabs: Tabs) -> None:
    """A remembered consent was read and then withdrawn. The code written for it has no consent, and is void."""
    tokens = guide.tokens()
    with stopped(tabs.ask) as answer:
        assert tabs.deauthorise().status_code == 302
    code = query_of(answer.result()["Location"])["code"]
    assert (guide.exchange(code).json()["error"], is_dead(guide, tokens)) == ("invalid_grant", True)


def agree(guide: Guide, answer: Any, before: dict[str, Any]) -> bool:
    """Return whether the new code is valid exactly if a consent exists, and the old tokens are dead."""
    code = query_of(answer["Location"])["code"]
    consents = Consent.objects.count()
    return (len(won(guide.exchange(code))), row_counts().grants) == (consents, consents) and is_dead(guide, before)


def test_allow_after_revoke_is_a_new_consent(guide: Guide, tabs: Tabs) -> None:
    """The code is valid if its consent still exists, and the connection that Alice ended stays ended."""
    before = guide.tokens()
    with stopped(tabs.allow) as answer:
        ending = started(tabs.deauthorise)
    assert ending.result(PATIENCE_SECONDS).status_code == 302
    assert agree(guide, answer.result(), before)


@pytest.mark.parametrize("step", STEPS_OF_DEAUTHORISE)
def test_revoke_between_allow_and_its_code_leaves_no_half_of_it(guide: Guide, tabs: Tabs, step: str) -> None:
    """Consent and code are written together or not at all, whichever step is interrupted."""
    before = guide.tokens()
    with stopped(tabs.deauthorise, before=step) as ending:
        answer = started(tabs.allow)
    assert ending.result().status_code == 302
    assert agree(guide, answer.result(PATIENCE_SECONDS), before)


def test_allow_and_revoke_that_meet_end_in_one_or_the_other(guide: Guide, tabs: Tabs) -> None:
    """A code must never work without a consent."""
    for _ in ROUNDS:
        before = guide.tokens()
        ending, answer = together(tabs.deauthorise, tabs.allow)
        assert ending.status_code == 302
        assert agree(guide, answer, before)


def test_tabs_that_are_answered_at_once_add_up_to_one_consent(guide: Guide, tabs: Tabs) -> None:
    """Each tab allowed another scope. No scope is lost, and each tab has a code that works."""
    answers = together(*[partial(tabs.allow, scope=scope) for scope in ("user", "profile")] * 4)
    codes = [query_of(answer["Location"])["code"] for answer in answers]
    assert set(Consent.objects.get().scope.split()) == {"user", "profile"}
    assert {guide.exchange(code).status_code for code in codes} == {200}


# -- endings that meet endings -----------------------------------------------------------------------------------------


def test_everything_at_once_leaves_nothing(guide: Guide, tabs: Tabs) -> None:
    """
    Exchanges, a replay, refreshes, revocations and Revoke buttons run at once, without a deadlock or a surviving token.
    """
    for _ in ROUNDS:
        used, pending, third = guide.code(), guide.code(), guide.code()
        first, second = won(guide.exchange(used), guide.exchange(third))
        answers = together(
            *[tabs.deauthorise] * 3,
            partial(guide.revoke, first["access_token"]),
            *[partial(guide.revoke, second["refresh_token"])] * 2,
            *[partial(guide.exchange, pending)] * 2,
            partial(guide.exchange, used),
            *[partial(guide.refresh, second["refresh_token"])] * 3,
            partial(guide.refresh, first["refresh_token"]),
        )
        assert [answer.status_code for answer in answers[:6]] == [302] * 3 + [200] * 3
        assert (is_dead(guide, first, second, *won(*answers[6:])), row_counts()) == (True, NOTHING)


def test_every_ending_at_the_same_moment(guide: Guide, tabs: Tabs) -> None:
    """A late request finds nothing left to end, which is the result that it wanted."""
    for _ in ROUNDS:
        code = guide.code()
        [tokens] = won(guide.exchange(code))
        answers = together(
            *[tabs.deauthorise] * 3,
            *[partial(guide.revoke, tokens["refresh_token"])] * 3,
            *[partial(guide.revoke, tokens["access_token"])] * 3,
            *[partial(guide.exchange, code)] * 3,
        )
        assert [answer.status_code for answer in answers] == [302] * 3 + [200] * 6 + [400] * 3
        assert (is_dead(guide, tokens), row_counts()) == (True, NOTHING)


# -- deletion of the user or client ------------------------------------------------------------------------------------


def deactivate_user(guide: Guide) -> None:
    User.objects.filter(pk=guide.alice.pk).update(is_active=False)


def deactivate_client(guide: Guide) -> None:
    Client.objects.filter(pk=guide.client.pk).update(is_active=False)


ENDS = [deactivate_user, deactivate_client, delete_user, delete_client]
End = Callable[[Guide], object]


@pytest.mark.parametrize("end", ENDS)
def test_an_exchange_in_flight_gets_nothing_that_outlives_its_user_or_client(guide: Guide, end: End) -> None:
    """The exchange may succeed, because it was sent before, but its tokens are accepted nowhere."""
    code = guide.code()
    with stopped(partial(guide.exchange, code)) as exchange:
        end(guide)
    handed_out = won(exchange.result())
    assert [guide.is_alive(tokens["access_token"]) for tokens in handed_out] == [False] * len(handed_out)
    assert {guide.refresh(tokens["refresh_token"]).status_code for tokens in handed_out} <= {400, 401}


@pytest.mark.parametrize("end", ENDS)
def test_a_refresh_in_flight_gets_nothing_that_outlives_its_user_or_client(guide: Guide, end: End) -> None:
    """User and client are checked at every use of a token, so no moment is too early or too late."""
    before = guide.tokens()
    with stopped(partial(guide.refresh, before["refresh_token"])) as refresh:
        end(guide)
    handed_out = [before, *won(refresh.result())]
    assert [guide.is_alive(tokens["access_token"]) for tokens in handed_out] == [False] * len(handed_out)
    assert {guide.refresh(tokens["refresh_token"]).status_code for tokens in handed_out} <= {400, 401}


@pytest.mark.parametrize("end", [deactivate_user, deactivate_client])
def test_what_meets_a_deactivation_sleeps_until_it_is_taken_back(guide: Guide, end: End) -> None:
    """Deactivation stops everything at once and loses nothing: no race turns a pause into a logout."""
    before = guide.tokens()
    _, *answers = together(partial(end, guide), *[partial(guide.refresh, before["refresh_token"])] * 7)
    assert {answer.status_code for answer in answers if answer} <= {200, 400, 401}
    handed_out = [before, *(answer.json() for answer in answers if answer.status_code == 200)]
    assert {guide.is_alive(tokens["access_token"]) for tokens in handed_out} == {False}
    User.objects.update(is_active=True)
    Client.objects.update(is_active=True)
    assert {guide.is_alive(tokens["access_token"]) for tokens in handed_out} == {True}
    assert Grant.objects.count() == 1


# -- refresh, code and consent against an end date ---------------------------------------------------------------------


def end_now() -> None:
    """Set the end date of every consent to this moment."""
    Consent.objects.update(ends_at=timezone.now())


def test_a_refresh_in_flight_gets_nothing_that_outlives_an_end_date_that_is_set_meanwhile(guide: Guide) -> None:
    """
    The refresh read the consent before the date was set. Its tokens are checked against the date when they are used.
    """
    tokens = guide.tokens()
    with stopped(partial(guide.refresh, tokens["refresh_token"])) as refresh:
        end_now()
    assert is_dead(guide, tokens, *won(refresh.result()))


def test_a_code_in_flight_gets_nothing_that_outlives_an_end_date_that_is_set_meanwhile(guide: Guide) -> None:
    """The grant is void, too, even before the sweep finds it."""
    code = guide.code()
    with stopped(partial(guide.exchange, code)) as exchange:
        end_now()
        sweep(now=timezone.now())
    assert is_dead(guide, *won(exchange.result()))


def test_an_end_date_that_is_set_while_many_refresh_ends_them_all(guide: Guide) -> None:
    """The order of the requests does not matter."""
    for _ in ROUNDS:
        tokens = guide.tokens()
        _, *answers = together(end_now, *[partial(guide.refresh, tokens["refresh_token"])] * 7)
        assert is_dead(guide, tokens, *won(*answers))


def test_a_consent_that_meets_the_sweep_of_the_one_before_stands(guide: Guide, tabs: Tabs) -> None:
    """The app is allowed again while the ended consent is swept: there is one new consent, and its code is valid."""
    for _ in ROUNDS:
        guide.tokens()
        end_now()
        now = timezone.now()
        allowed, *_ = together(tabs.allow, *[partial(sweep, now=now)] * 3)
        assert row_counts() == RowCounts(consents=1, codes=1, grants=0)
        assert guide.exchange(query_of(allowed["Location"])["code"]).status_code == 200


def test_exactly_one_of_several_sweeps_announces_the_end(guide: Guide) -> None:
    """The row count of the DELETE decides which sweep announces the end."""
    guide.tokens()
    end_now()
    now = timezone.now()
    assert sorted(together(*[partial(Consent.objects.sweep_ended, now=now, batch=50)] * 6)) == [0] * 5 + [1]
    assert row_counts() == NOTHING
