"""Refresh token rotation: a retry is told from a theft."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol.refresh_token import Verdict, judge
from tests.clauses import clause

ROTATED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=2)


@dataclass(frozen=True)
class Generations:
    """A grant, as far as rotation is concerned."""

    generation: int
    refreshed_at: datetime = ROTATED_AT


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
        (3, timedelta(0), Verdict.REPLAY),
        (0, timedelta(0), Verdict.REPLAY),
        (6, timedelta(0), Verdict.UNISSUED),
        (2**63, timedelta(0), Verdict.UNISSUED),
    ],
)
def test_what_a_generation_means(presented: int, after: timedelta, verdict: Verdict) -> None:
    """The current one, the one before while its answer may be on the way, an older one, one never issued."""
    assert judge(Generations(5), presented, retry_window=WINDOW, now=ROTATED_AT + after) is verdict


def test_the_first_refresh_token_has_none_before_it() -> None:
    """Generation 0 is current until it is used."""
    assert judge(Generations(0), 0, retry_window=WINDOW, now=ROTATED_AT) is Verdict.ROTATE


def test_without_a_window_every_reuse_is_a_replay() -> None:
    """A host project may set it to nothing; only the very same moment is left."""
    assert judge(Generations(5), 4, retry_window=timedelta(0), now=ROTATED_AT + timedelta.resolution) is Verdict.REPLAY


@given(
    generation=st.integers(0, 50),
    presented=st.integers(0, 60),
    after=st.timedeltas(min_value=-timedelta(minutes=5), max_value=timedelta(days=40)),
    window=st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=1)),
)
def test_only_the_current_token_rotates_and_only_the_one_before_is_forgiven(
    generation: int, presented: int, after: timedelta, window: timedelta
) -> None:
    """Whatever the clock says: a family never forks, and no token older than the last is ever good again."""
    verdict = judge(Generations(generation), presented, retry_window=window, now=ROTATED_AT + after)
    assert (verdict is Verdict.ROTATE) == (presented == generation)
    assert (verdict is Verdict.RETRY) == (presented == generation - 1 and after <= window)
    assert (verdict is Verdict.UNISSUED) == (presented > generation)
