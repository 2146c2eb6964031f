"""Simultaneous exchanges of one code."""

from typing import Any

import pytest

from oauth_service.models import Client
from oauth_service.protocol import pkce
from tests.clauses import clause
from tests.concurrency.conftest import RowCounts, is_dead, row_counts
from tests.concurrency.threads import PATIENCE_SECONDS, started, stopped, together
from tests.guide import Guide

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@clause("RFC 6749", "4.1.2")
def test_exactly_one_of_twenty_exchanges_succeeds(guide: Guide) -> None:
    """ "If an authorization code is used more than once, the authorization server MUST deny the request"."""
    code = guide.code()
    answers = together(*[lambda: guide.exchange(code)] * 20)
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


@clause("RFC 6749", "4.1.2")
def test_of_twenty_exchanges_nothing_is_alive_at_the_end(guide: Guide) -> None:
    """Each loser proves possession. The server cannot know which of the two is the thief, so it trusts neither."""
    for _ in range(3):
        code = guide.code()
        answers = together(*[lambda code=code: guide.exchange(code)] * 20)
        [won] = [answer.json() for answer in answers if answer.status_code == 200]
        assert (is_dead(guide, won), row_counts()) == (True, RowCounts(consents=1, codes=0, grants=0))


def test_an_exchange_that_was_overtaken_is_a_replay(guide: Guide) -> None:
    """Both requests read the pending code. The row count of the DELETE decides, and not what was read."""
    code = guide.code()
    with stopped(lambda: guide.exchange(code)) as overtaken:
        won = guide.exchange(code)
    assert (won.status_code, overtaken.result().json()["error"]) == (200, "invalid_grant")
    assert is_dead(guide, won.json())


def test_an_exchange_waits_for_the_one_that_is_about_to_win(guide: Guide) -> None:
    """
    The code is deleted and its grant does not exist yet. The next exchange must not see an unknown or unused code.
    """
    code = guide.code()
    # If both are one statement, there is no moment between them, and the faster one wins.
    with stopped(lambda: guide.exchange(code), before=('INSERT INTO "oauth_service_grant"', "WITH")) as first:
        second = started(lambda: guide.exchange(code))
    assert {first.result().status_code, second.result(PATIENCE_SECONDS).status_code} == {200, 400}


@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": "http://127.0.0.1:5000/other"}, {"code_verifier": VERIFIER[::-1]}, {"code_verifier": ""}],
    ids=["another redirect_uri", "a wrong verifier", "no verifier"],
)
def test_who_does_not_prove_possession_takes_nothing_from_the_winner(guide: Guide, changes: dict[str, Any]) -> None:
    """Possession comes before punishment, even if the stranger is as fast as the owner."""
    code = guide.code(code_challenge=pkce.challenge_of(VERIFIER), code_challenge_method="S256")
    proven: dict[str, Any] = {"code_verifier": VERIFIER}
    strangers = [lambda: guide.exchange(code, **(proven | changes))] * 7
    owner, *others = together(lambda: guide.exchange(code, **proven), *strangers)
    assert [owner.status_code, *{other.status_code for other in others}] == [200, 400]
    assert guide.is_alive(owner.json()["access_token"])


def test_another_client_takes_nothing_from_the_winner(guide: Guide) -> None:
    """Another client's valid credentials do not help either."""
    stranger = Client(client_id="stranger", name="Stranger", redirect_uris="https://stranger.example/callback")
    stranger.save()
    secret = Client.objects.rotate_secret(stranger)
    code = guide.code()
    theft = lambda: guide.exchange(code, client_id="stranger", client_secret=secret)  # noqa: E731
    owner, *others = together(lambda: guide.exchange(code), *[theft] * 7)
    assert [owner.status_code, *{other.status_code for other in others}] == [200, 400]
    assert guide.is_alive(owner.json()["access_token"])


def test_different_codes_do_not_stand_in_each_others_way(guide: Guide) -> None:
    """Eight users finish signing in at the same moment, without "database is locked" and without a lost connection."""
    codes = [guide.code() for _ in range(8)]
    answers = together(*[lambda code=code: guide.exchange(code) for code in codes])
    assert [answer.status_code for answer in answers] == [200] * 8
    assert row_counts() == RowCounts(consents=1, codes=0, grants=8)
