"""Time spans between moments of several servers."""

from datetime import UTC, datetime, timedelta

import pytest

from oauth_service.protocol import clock

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "passed"),
    [
        (NOW - timedelta(hours=1), timedelta(hours=1)),
        (NOW, timedelta(0)),
        (NOW + timedelta.resolution, timedelta(0)),
        (NOW + timedelta(days=1), timedelta(0)),
    ],
)
def test_a_span_is_never_negative(since: datetime, passed: timedelta) -> None:
    """A negative span would be shorter than any limit, for as long as the clocks differ."""
    assert clock.span(since, NOW) == passed


@pytest.mark.parametrize(
    ("ahead", "is_ahead"),
    [
        (-timedelta(days=1), False),
        (clock.MOST_SKEW, False),
        (clock.MOST_SKEW + timedelta.resolution, True),
    ],
)
def test_a_moment_that_is_far_ahead_is_known(ahead: timedelta, is_ahead: bool) -> None:
    """Small differences between clocks are normal. After a larger one, the time that has passed is unknown."""
    assert clock.is_ahead(NOW + ahead, now=NOW) is is_ahead
