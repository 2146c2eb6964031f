"""Freshness of fetched documents (RFC 9111)."""

from datetime import UTC, datetime, timedelta

import pytest

from oauth_service.protocol.freshness import DEFAULT, LONGEST, SHORTEST, lifetime
from tests.clauses import clause

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@clause("RFC 9111", "4.2.1")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, DEFAULT),
        ({"cache-control": "max-age=7200"}, 2 * HOUR),
        ({"cache-control": 'public, Max-Age="7200"'}, 2 * HOUR),
        ({"cache-control": "max-age=7200", "age": "3600"}, HOUR),
        ({"cache-control": "max-age=7200", "expires": "Thu, 01 Jan 2026 01:00:00 GMT"}, 2 * HOUR),
        ({"expires": "Thu, 01 Jan 2026 01:00:00 GMT"}, HOUR),
        ({"expires": "Wed, 31 Dec 2025 01:00:00 GMT"}, SHORTEST),
        ({"expires": "0"}, SHORTEST),
        ({"expires": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, SHORTEST),
        ({"expires": "Mon, 01 Jan 2030 00:00:00 +99999999999999999999"}, SHORTEST),
        ({"cache-control": "max-age=0"}, SHORTEST),
        ({"cache-control": "no-store"}, SHORTEST),
        ({"cache-control": "no-cache, max-age=7200"}, SHORTEST),
        ({"cache-control": "max-age=9999999"}, LONGEST),
        ({"cache-control": "max-age=99999999999999999999"}, DEFAULT),
        ({"cache-control": "max-age=-5"}, DEFAULT),
        ({"cache-control": "max-age=soon"}, DEFAULT),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
    ],
)
def test_freshness_follows_the_headers_within_bounds(headers: dict[str, str], expected: timedelta) -> None:
    """The origin decides, but only between one minute and one day."""
    assert lifetime(headers, now=NOW) == expected
