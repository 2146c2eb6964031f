"""Schedule for sending an undelivered message again (OpenID Connect Back-Channel Logout 1.0 section 2.8)."""

from datetime import datetime, timedelta

# A client that restarts is back within minutes; one that waits for its operator is back within a day.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600)
)


def next_attempt(attempts: int, *, now: datetime) -> datetime | None:
    """
    Return the moment to try again; None to give up.

    Args:
        attempts: failed attempts so far, 1 or more.
    """
    return now + PAUSES[attempts - 1] if attempts <= len(PAUSES) else None
