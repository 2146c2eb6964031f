"""
Storage grows with live grants only: tokens have no rows, dead rows are swept during writes, and writers take turns.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from oauth_service.models import AuthorizationCode, Consent, Grant, RevokedToken, purge
from tests.concurrency.conftest import RowCounts, Tabs, row_counts, won
from tests.concurrency.threads import PATIENCE_SECONDS, started, stopped, together
from tests.database import ALIAS, connection
from tests.guide import Guide, query_of

Table = dict[Any, dict[str, Any]]


def stored() -> dict[str, Table]:
    """Return every row of every table of the server."""
    models = apps.get_app_config("oauth_service").get_models()
    return {
        model.__name__: {row[model._meta.pk.attname]: row for row in model._base_manager.values()} for model in models
    }


def changed(before: dict[str, Table], after: dict[str, Table]) -> set[tuple[str, Any]]:
    """Return the rows that were added, removed or changed."""
    return {
        (name, key)
        for name in before | after
        for key in before[name] | after[name]
        if before[name].get(key) != after[name].get(key)
    }


def swept(*arguments: str) -> int:
    """Run `manage.py purge`, and return the number of deleted rows that it reports."""
    output = StringIO()
    call_command("purge", *arguments, stdout=output)
    return int(output.getvalue().split()[0])


# -- tokens have no rows -----------------------------------------------------------------------------------------------


def test_two_hundred_refreshes_change_one_row(guide: Guide) -> None:
    """A year of refreshes needs no more space than a day: only the grant's own row changes."""
    token = guide.tokens()["refresh_token"]
    before = stored()
    for _ in range(200):
        [tokens] = won(guide.refresh(token))
        token = tokens["refresh_token"]
    assert changed(before, stored()) == {("Grant", Grant.objects.get(generation=200).pk)}


def test_refreshes_and_retries_of_many_connections_make_no_rows(guide: Guide) -> None:
    """Eight devices refresh, each from two processes at once."""
    tokens = [guide.tokens()["refresh_token"] for _ in range(8)]
    before = row_counts()
    for _ in range(5):
        answers = together(*[partial(guide.refresh, token) for token in tokens * 2])
        tokens = [new["refresh_token"] for new in won(*answers)[:8]]
    assert (row_counts(), RevokedToken.objects.count()) == (before, 0)
    assert [grant.generation for grant in Grant.objects.all()] == [5] * 8


def test_using_access_tokens_changes_nothing(guide: Guide) -> None:
    """Access tokens can be used any number of times, from many places at once, without a write."""
    token = guide.tokens()["access_token"]
    before = stored()
    answers = together(*[lambda: [guide.userinfo(token).status_code for _ in range(10)]] * 8)
    assert (answers, changed(before, stored())) == ([[200] * 10] * 8, set())


def test_what_is_refused_changes_nothing(guide: Guide, tabs: Tabs) -> None:
    """Strangers must not be able to fill the database: unknown, malformed and forged tokens leave no trace."""
    tokens, code = guide.tokens(), guide.code()
    before = stored()
    forged = [text[:-4] + "AAAA" for text in (code, tokens["refresh_token"], tokens["access_token"])]
    answers = together(
        *[partial(guide.exchange, forged[0])] * 3,
        *[partial(guide.refresh, forged[1])] * 3,
        *[partial(guide.userinfo, forged[2])] * 3,
        *[partial(guide.revoke, text) for text in forged],
        partial(guide.refresh, tokens["refresh_token"], client_secret="wrong"),
        partial(guide.exchange, code, redirect_uri="http://127.0.0.1:5000/other"),
    )
    assert [answer.status_code for answer in answers] == [400] * 6 + [401] * 3 + [200] * 3 + [401, 400]
    assert changed(before, stored()) == set()


# -- the dead are swept ------------------------------------------------------------------------------------------------

DEAD = 120  # rows in each of the three swept tables


@pytest.fixture
def graveyard(guide: Guide) -> datetime:
    """Fill each swept table with DEAD dead rows, and return the moment of their death."""
    code = guide.code()
    consent = AuthorizationCode.objects.get().consent
    assert guide.exchange(code).status_code == 200
    moment = timezone.now() - timedelta(seconds=1)
    of_consent = {"consent": consent, "scope": "user", "expires_at": moment, "purge_at": moment}
    AuthorizationCode.objects.bulk_create(AuthorizationCode(**of_consent) for _ in range(DEAD))
    Grant.objects.bulk_create(Grant(**of_consent, created_at=moment, refreshed_at=moment) for _ in range(DEAD))
    RevokedToken.objects.bulk_create(RevokedToken(token_id=uuid4(), purge_at=moment) for _ in range(DEAD))
    return moment


def test_sweeps_that_race_share_the_work(guide: Guide, graveyard: datetime) -> None:
    """Each row is deleted and counted once, by one of four processes. Live rows stay."""
    counts = together(*[partial(swept, "--batch", "10")] * 4)
    assert (sum(counts), row_counts(), RevokedToken.objects.count()) == (
        3 * DEAD,
        RowCounts(consents=1, codes=0, grants=1),
        0,
    )


def test_the_sweep_rides_on_ordinary_requests(
    guide: Guide, graveyard: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight refreshes come at once. A single one of them sweeps, and none waits for the sweep."""
    tokens = [guide.tokens()["refresh_token"] for _ in range(8)]
    monkeypatch.setattr(purge, "_next_at", 0.0)
    won_tokens = won(*together(*[partial(guide.refresh, token) for token in tokens]))
    assert (len(won_tokens), row_counts(), RevokedToken.objects.count()) == (
        8,
        RowCounts(consents=1, codes=0, grants=9),
        0,
    )


def test_sweeps_and_deauthorise_do_not_lock_each_other_up(guide: Guide, tabs: Tabs, graveyard: datetime) -> None:
    """Both delete many rows of the same tables, in any order."""
    ending, *_ = together(tabs.deauthorise, *[partial(swept, "--batch", "10")] * 4)
    assert (ending.status_code, row_counts()) == (302, RowCounts(consents=0, codes=0, grants=0))


def test_a_grant_that_is_being_refreshed_outlives_the_sweep(guide: Guide) -> None:
    """The grant's time was over when the sweep chose the row, but a refresh holds the row."""
    token = guide.tokens()["refresh_token"]
    Grant.objects.update(purge_at=timezone.now() - timedelta(seconds=1))
    with transaction.atomic(using=ALIAS):
        [newest] = won(guide.refresh(token))
        sweep = started(swept)
        if connection.features.has_select_for_update_skip_locked:
            # A slow transaction of one worker does not hold up the sweep of another either.
            assert sweep.result(PATIENCE_SECONDS) == 0
    assert (sweep.result(PATIENCE_SECONDS), guide.is_alive(newest["access_token"])) == (0, True)


def test_a_grant_that_was_refreshed_while_the_sweep_waited_outlives_it(guide: Guide) -> None:
    """The statement that deletes checks again."""
    token = guide.tokens()["refresh_token"]
    Grant.objects.update(purge_at=timezone.now() - timedelta(seconds=1))
    with stopped(swept) as sweep:
        [newest] = won(guide.refresh(token))
    assert (sweep.result(), guide.is_alive(newest["access_token"])) == (0, True)


def test_a_refresh_that_the_sweep_overtook_is_refused(guide: Guide) -> None:
    """The refresh came in the connection's last second and waited for a day. Nothing is alive again."""
    tokens = guide.tokens()
    with time_machine.travel(Grant.objects.get().expires_at - timedelta(seconds=1), tick=False) as clock:
        with stopped(partial(guide.refresh, tokens["refresh_token"])) as refresh:
            clock.shift(timedelta(days=1, seconds=2))
            assert swept() == 1
        assert (refresh.result().json()["error"], row_counts().grants) == ("invalid_grant", 0)


# -- many writers ------------------------------------------------------------------------------------------------------


def test_eight_writers_of_everything_wait_their_turn(guide: Guide, tabs: Tabs) -> None:
    """ "database is locked" would be a 500 for somebody. Here eight threads write at once, and each gets a response."""

    def connect(scope: str) -> dict[str, Any]:
        code = query_of(tabs.ask(scope=scope)["Location"])["code"]
        [tokens] = won(guide.exchange(code))
        return tokens

    def story(scope: str) -> list[int]:
        statuses = []
        for _ in range(6):
            first = connect(scope)
            [second] = won(guide.refresh(first["refresh_token"]))
            third = connect(scope)
            answers = [
                tabs.allow(scope=scope),
                guide.refresh(first["refresh_token"]),
                guide.revoke(first["access_token"]),
                guide.userinfo(second["access_token"]),
                guide.revoke(second["refresh_token"]),
                guide.refresh(second["refresh_token"]),
                guide.userinfo(third["access_token"]),
            ]
            statuses += [answer.status_code for answer in answers]
            swept()
        return statuses

    guide.code()
    scopes = ["user", "profile", "user profile", "profile user"] * 2
    stories: list[Callable[[], list[int]]] = [partial(story, scope) for scope in scopes]
    assert together(*stories) == [[302, 200, 200, 200, 200, 400, 200] * 6] * 8
    assert row_counts() == RowCounts(consents=1, codes=1 + 8 * 6, grants=8 * 6)
    assert (Consent.objects.count(), RevokedToken.objects.count()) == (1, 8 * 6)
