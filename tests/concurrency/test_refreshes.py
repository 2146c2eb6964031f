"""Simultaneous refreshes with one token: all succeed, and all get the same successor."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from oauth_service import conf
from oauth_service.models import Client, Grant
from tests.clauses import clause
from tests.concurrency.conftest import RowCounts, Tabs, is_dead, row_counts, won
from tests.concurrency.threads import stopped, together
from tests.guide import SECRET, Guide, query_of

ONE_GRANT = RowCounts(consents=1, codes=0, grants=1)


def refreshed(guide: Guide, refresh_token: str) -> dict[str, Any]:
    """Refresh successfully, and return the new tokens."""
    [tokens] = won(guide.refresh(refresh_token))
    return tokens


def successors(answers: list[Any]) -> set[str]:
    """Return the refresh tokens of the responses, each of which must have one."""
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    return {answer.json()["refresh_token"] for answer in answers}


@clause("RFC 9700", "4.14.2")
def test_fifty_refreshes_of_one_token_get_one_successor(guide: Guide) -> None:
    """
    Double clicks, retries and worker pools are not theft: the connection stays alive, and the family does not fork.
    """
    old = guide.tokens()["refresh_token"]
    answers = together(*[partial(guide.refresh, old)] * 50)
    [successor] = successors(answers)
    assert (row_counts(), Grant.objects.get().generation) == (ONE_GRANT, 1)
    assert refreshed(guide, successor)["refresh_token"] not in {old, successor}


def test_whoever_refreshed_has_an_access_token_of_its_own_that_works(guide: Guide) -> None:
    """The response to a retry is as good as the first. Revoking one access token leaves the others valid."""
    old = guide.tokens()["refresh_token"]
    answers = together(*[partial(guide.refresh, old)] * 8)
    first, *others = [tokens["access_token"] for tokens in won(*answers)]
    guide.revoke(first)
    assert [guide.is_alive(token) for token in (first, *others)] == [False] + [True] * 7
    assert len({first, *others}) == 8


def test_a_family_that_many_refresh_for_many_rounds_stays_one_line(guide: Guide) -> None:
    """Each round starts from any of the tokens that the round before returned."""
    token = guide.tokens()["refresh_token"]
    for _ in range(6):
        [token] = successors(together(*[partial(guide.refresh, token)] * 8))
    assert (row_counts(), Grant.objects.get().generation) == (ONE_GRANT, 6)


def test_each_gets_the_scope_that_it_asked_for(guide: Guide) -> None:
    """
    A retry repeats the refresh token, but not the response: a narrower scope of one request does not affect the others.
    """
    old = guide.tokens()["refresh_token"]
    asked = ["user", "profile", "user profile"] * 4
    answers = together(*[partial(guide.refresh, old, scope=scope) for scope in asked])
    assert [answer.json()["scope"] for answer in answers] == asked
    assert len(successors(answers)) == 1


def test_a_rotation_that_was_overtaken_is_a_retry(guide: Guide) -> None:
    """Both read the same generation. The row count of the UPDATE decides which one rotates, and both get its result."""
    old = guide.tokens()["refresh_token"]
    with stopped(partial(guide.refresh, old)) as overtaken:
        first = refreshed(guide, old)
    [second] = won(overtaken.result())
    assert (first["refresh_token"], Grant.objects.get().generation) == (second["refresh_token"], 1)


def test_a_rotation_that_was_overtaken_twice_is_theft(guide: Guide) -> None:
    """The successor is in use, so its owner has it. Somebody who now uses the token before it has a copy."""
    old = guide.tokens()["refresh_token"]
    with stopped(partial(guide.refresh, old)) as overtaken:
        newest = refreshed(guide, refreshed(guide, old)["refresh_token"])
    assert (overtaken.result().json()["error"], is_dead(guide, newest)) == ("invalid_grant", True)


@clause("RFC 9700", "4.14.2")
def test_an_old_token_ends_the_refresh_that_is_under_way(guide: Guide) -> None:
    """The server cannot know which of the two is the thief, so neither gets a valid token."""
    oldest = guide.tokens()["refresh_token"]
    newest = refreshed(guide, refreshed(guide, oldest)["refresh_token"])
    with stopped(partial(guide.refresh, newest["refresh_token"])) as under_way:
        assert guide.refresh(oldest).status_code == 400
    assert under_way.result().json()["error"] == "invalid_grant"
    assert (is_dead(guide, newest), row_counts().grants) == (True, 0)


@clause("RFC 9700", "4.14.2")
def test_a_refresh_cannot_outrun_the_old_token_that_ends_it(guide: Guide) -> None:
    """The judgement about a replay can only get worse while it waits, so no rotation saves the grant."""
    oldest = guide.tokens()["refresh_token"]
    middle = refreshed(guide, refreshed(guide, oldest)["refresh_token"])
    with stopped(partial(guide.refresh, oldest)) as replay:
        newest = refreshed(guide, middle["refresh_token"])
    assert (replay.result().status_code, is_dead(guide, middle, newest), row_counts().grants) == (400, True, 0)


def test_old_and_new_tokens_that_meet_leave_nothing_alive(guide: Guide) -> None:
    """The order of the requests does not matter."""
    for _ in range(3):
        oldest = guide.tokens()["refresh_token"]
        newest = refreshed(guide, refreshed(guide, oldest)["refresh_token"])
        replays = [partial(guide.refresh, oldest)] * 4
        rotations = [partial(guide.refresh, newest["refresh_token"])] * 4
        answers = together(*replays, *rotations)
        assert [answer.status_code for answer in answers[:4]] == [400] * 4
        assert (is_dead(guide, newest, *won(*answers)), row_counts().grants) == (True, 0)


def test_a_late_answer_is_a_retry_until_the_window_closes(guide: Guide) -> None:
    """The client stopped waiting and tries again, from many processes at once."""
    old = guide.tokens()["refresh_token"]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        successor = refreshed(guide, old)["refresh_token"]
        clock.shift(conf.REFRESH_RETRY_WINDOW())
        assert successors(together(*[partial(guide.refresh, old)] * 8)) == {successor}


def test_after_the_window_every_refresh_with_the_old_token_is_theft(guide: Guide) -> None:
    """The first request ends the grant, and the others find it gone: eight refusals and no failure."""
    old = guide.tokens()["refresh_token"]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        newest = refreshed(guide, old)
        clock.shift(conf.REFRESH_RETRY_WINDOW() + timedelta(seconds=1))
        answers = together(*[partial(guide.refresh, old)] * 8)
        assert {answer.json()["error"] for answer in answers} == {"invalid_grant"}
        assert (is_dead(guide, newest), row_counts().grants) == (True, 0)


def test_a_rotation_that_waited_for_longer_than_the_window_logs_nobody_out(guide: Guide) -> None:
    """
    The time of a request is the moment of its arrival, so a database that stalls for minutes makes no client a thief.
    """
    old = guide.tokens()["refresh_token"]
    with time_machine.travel(timezone.now(), tick=False) as clock, stopped(partial(guide.refresh, old)) as waited:
        first = refreshed(guide, old)
        clock.shift(conf.REFRESH_RETRY_WINDOW() * 2)
    [second] = won(waited.result())
    assert first["refresh_token"] == second["refresh_token"]


@pytest.fixture
def stranger(db: None) -> dict[str, Any]:
    """Return the credentials of another client of the same server, which needs no PKCE, like the guide's client."""
    client = Client(
        client_id="stranger", name="Stranger", redirect_uris="http://127.0.0.1:5000/callback", requires_pkce=False
    )
    client.save()
    return {"client_id": "stranger", "client_secret": Client.objects.rotate_secret(client)}


@clause("RFC 6749", "10.4")
def test_another_client_takes_nothing_from_the_owner(guide: Guide, stranger: dict[str, Any]) -> None:
    """The seven refusals have no effect on the owner: no rotation, and no punishment."""
    old = guide.tokens()["refresh_token"]
    thefts = [partial(guide.refresh, old, **stranger)] * 7
    owner, *others = together(partial(guide.refresh, old), *thefts)
    assert [owner.status_code, *{other.status_code for other in others}] == [200, 400]
    assert (row_counts(), Grant.objects.get().generation) == (ONE_GRANT, 1)
    refreshed(guide, owner.json()["refresh_token"])


def test_two_clients_of_one_user_do_not_stand_in_each_others_way(
    guide: Guide, tabs: Tabs, stranger: dict[str, Any]
) -> None:
    """Two apps renew eight connections at the same moment. Each of the eight families moves on by one generation."""
    owners = [{"client_id": guide.client.client_id, "client_secret": SECRET}, stranger] * 4
    codes = [query_of(tabs.allow(client_id=owner["client_id"])["Location"])["code"] for owner in owners]
    tokens = [won(guide.exchange(code, **owner))[0] for code, owner in zip(codes, owners, strict=True)]
    refreshes = [
        partial(guide.refresh, token["refresh_token"], **owner) for token, owner in zip(tokens, owners, strict=True)
    ]
    assert len(successors(together(*refreshes))) == 8
    assert [grant.generation for grant in Grant.objects.all()] == [1] * 8
