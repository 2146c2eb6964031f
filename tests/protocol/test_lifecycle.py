"""The check whether an authorisation is alive."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from oauth_service.protocol.lifecycle import fault_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    """A code or a grant, as far as its life is concerned."""

    expires_at: datetime = NOW + timedelta(seconds=1)
    user_is_active: bool = True
    client_is_active: bool = True
    scope: str = "openid profile"
    sign_in_ended_at: datetime | None = None
    consent_ends_at: datetime | None = None


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        (Facts(), ""),
        (Facts(user_is_active=False), "the user is inactive, or no backend lets them in"),
        (Facts(client_is_active=False), "the client was deactivated"),
        (Facts(sign_in_ended_at=NOW), "the user signed out at 2026-01-02T03:04:05+0000"),
        (Facts(sign_in_ended_at=NOW, scope="openid offline_access"), ""),
        (Facts(consent_ends_at=NOW), "the connection was to end at 2026-01-02T03:04:05+0000"),
        (Facts(consent_ends_at=NOW + timedelta(microseconds=1)), ""),
        (Facts(expires_at=NOW), "expired at 2026-01-02T03:04:05+0000"),
        (Facts(expires_at=NOW - timedelta(days=1)), "expired at 2026-01-01T03:04:05+0000"),
    ],
)
def test_each_thing_that_it_hangs_on_can_end_it(facts: Facts, fault: str) -> None:
    """The operator reads the first reason; expiry is exact."""
    assert fault_of(facts, now=NOW) == fault
