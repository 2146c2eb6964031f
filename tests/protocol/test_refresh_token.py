"""Refresh token rotation: telling a retry from a theft."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol.clock import MOST_SKEW
from oauth_service.protocol.refresh_token import (
    GENERATIONS_OF_A_PACE,
    LATEST,
    SHORTEST_WINDOW,
    TOO_MANY_RETRIED,
    Verdict,
    add_retried,
    are_shared,
    judge,
    retry_window,
)
from tests.clauses import clause

ROTATED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=2)


@dataclass(frozen=True)
class Generations:
    """A grant, as far as rotation is concerned."""

    generation: int
    refreshed_at: datetime = ROTATED_AT
    created_at: datetime = ROTATED_AT


@clause("RFC 9700", "4.14.2")
@pytest.mark.parametrize(
    ("presented", "after", "verdict"),
    [
        (5, timedelta(0), Verdict.ROTATE),
        (5, timedelta(days=29), Verdict.ROTATE),
        (4, timedelta(0), Verdict.RETRY),
        (4, WINDOW, Verdict.RETRY),
        (4, WINDOW + timedelta(microseconds=1), Verdict.REPLAY),
        (4, timedelta(days=29), Verdict.REPLAY),
        (4, -timedelta(milliseconds=5), Verdict.RETRY),
        (4, -MOST_SKEW, Verdict.RETRY),
        (4, -MOST_SKEW - timedelta(microseconds=1), Verdict.AHEAD),
        (4, -timedelta(hours=1), Verdict.AHEAD),
        (5, -timedelta(hours=1), Verdict.ROTATE),
        (3, -timedelta(hours=1), Verdict.REPLAY),
        (3, timedelta(0), Verdict.REPLAY),
        (0, timedelta(0), Verdict.REPLAY),
        (6, timedelta(0), Verdict.UNISSUED),
        (2**63, timedelta(0), Verdict.UNISSUED),
    ],
)
def test_what_a_generation_means(presented: int, after: timedelta, verdict: Verdict) -> None:
    """The token may be the current one, the previous one while its response may still be lost, an older one, or a future one."""
    assert judge(Generations(5), presented, retry_window=WINDOW, now=ROTATED_AT + after) is verdict


def test_the_first_refresh_token_has_none_before_it() -> None:
    """Generation 0 is current until it is used."""
    assert judge(Generations(0), 0, retry_window=WINDOW, now=ROTATED_AT) is Verdict.ROTATE


def test_without_a_window_every_reuse_is_a_replay() -> None:
    """A project may set the window to zero. Then only requests at the very same moment are retries, in either order."""
    assert judge(Generations(5), 4, retry_window=timedelta(0), now=ROTATED_AT + timedelta.resolution) is Verdict.REPLAY
    assert judge(Generations(5), 4, retry_window=timedelta(0), now=ROTATED_AT - timedelta.resolution) is Verdict.RETRY


@given(
    generation=st.integers(0, 50),
    presented=st.integers(0, 60),
    after=st.timedeltas(min_value=-timedelta(minutes=5), max_value=timedelta(days=40)),
    window=st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=1)),
)
def test_only_the_current_token_rotates_and_only_the_one_before_is_forgiven(
    generation: int, presented: int, after: timedelta, window: timedelta
) -> None:
    """There is never more than one current token, and no token before the previous one is accepted, whatever the clock says."""
    verdict = judge(Generations(generation), presented, retry_window=window, now=ROTATED_AT + after)
    assert (verdict is Verdict.ROTATE) == (presented == generation)
    assert (verdict is Verdict.RETRY) == (presented == generation - 1 and -MOST_SKEW <= after <= window)
    assert (verdict is Verdict.UNISSUED) == (presented > generation)


# -- the retry window --------------------------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


def refreshed_every(pace: timedelta, *, times: int) -> Generations:
    """Return a grant whose client refreshes regularly."""
    return Generations(times, refreshed_at=ROTATED_AT + pace * times)


@pytest.mark.parametrize(
    ("life", "window"),
    [
        (HOUR, WINDOW),
        (timedelta(minutes=4), WINDOW),
        (timedelta(minutes=2), timedelta(minutes=1)),
        (timedelta(seconds=1), timedelta(milliseconds=500)),
    ],
)
def test_the_window_is_half_of_an_access_tokens_life_at_most(life: timedelta, window: timedelta) -> None:
    """A client refreshes when its access token ends: if the window were as long, two holders could refresh in turns for ever."""
    assert retry_window(Generations(1), longest=WINDOW, access_token_lifetime=life) == window


@pytest.mark.parametrize(
    ("pace", "times", "window"),
    [
        (HOUR, 100, WINDOW),
        (timedelta(minutes=2), 100, timedelta(minutes=1)),
        (timedelta(minutes=1), 100, timedelta(seconds=30)),
        (timedelta(seconds=1), 100, SHORTEST_WINDOW),
        (timedelta(0), 100, SHORTEST_WINDOW),
        (timedelta(seconds=1), GENERATIONS_OF_A_PACE - 1, WINDOW),
    ],
)
def test_a_client_that_refreshes_often_has_a_shorter_retry_window(
    pace: timedelta, times: int, window: timedelta
) -> None:
    """
    The window is half of the client's pace, but at least as long as a client waits for a response. A young grant has no
    pace.
    """
    assert retry_window(refreshed_every(pace, times=times), longest=WINDOW, access_token_lifetime=HOUR) == window


@given(
    longest=st.timedeltas(min_value=timedelta(0), max_value=timedelta(minutes=10)),
    life=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=30)),
    pace=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)),
    times=st.integers(0, 1000),
)
def test_nothing_makes_a_window_longer(longest: timedelta, life: timedelta, pace: timedelta, times: int) -> None:
    """The setting and half of an access token's lifetime are upper limits."""
    window = retry_window(refreshed_every(pace, times=times), longest=longest, access_token_lifetime=life)
    assert timedelta(0) <= window <= min(longest, life / 2)


# -- two holders -------------------------------------------------------------------------------------------------------


def retried(*generations: int) -> tuple[int, ...]:
    found: tuple[int, ...] = ()
    for generation in generations:
        found = add_retried(found, generation)
    return found


def test_two_who_refresh_beside_each_other_are_found() -> None:
    """Both holders use each generation."""
    assert [are_shared(retried(*range(count))) for count in range(TOO_MANY_RETRIED + 1)] == [False] * 5 + [True]


def test_one_generation_counts_once() -> None:
    """Any number of lost responses of one generation is a single retry."""
    assert retried(*[7] * 20) == (7,)


def test_answers_that_are_lost_now_and_then_are_no_sharing() -> None:
    """Only the latest generations count, and the record does not grow."""
    found = retried(*range(0, 1000, LATEST // (TOO_MANY_RETRIED - 1)))
    assert (are_shared(found), len(found)) == (False, TOO_MANY_RETRIED - 1)
