"""
Refresh tokens that are used twice, generation after generation: two parties seem to hold them (RFC 9700 section 4.14.2).

The record is in the cache of the failure counts, not in the database: a retried refresh writes nothing there. With an in-memory
cache each process sees only its own requests, and takes longer to notice.
"""

import logging
from uuid import UUID

from ..protocol.refresh_token import add_retried, are_shared
from .failure_counts import cache_of

logger = logging.getLogger("oauth_service.throttle")

KEPT_SECONDS = 30 * 86_400  # the longest time span that memcached accepts
DAY_SECONDS = 86_400


def note(grant_id: UUID, generation: int) -> bool:
    """
    Record that a generation was used twice; return whether too many of the latest generations were.

    Two calls at the same moment may record only one of their generations; then a later call returns True.
    """
    key = f"oauth_service.retries.{grant_id.hex}"
    try:
        cache = cache_of("retries")
        before: tuple[int, ...] = cache.get(key, ())
        if generation not in before:
            cache.set(key, after := add_retried(before, generation), KEPT_SECONDS)
            return are_shared(after)
    except Exception:
        # Each cache driver has errors of its own. A cache that is down must not sign anybody out.
        logger.exception("repeated refreshes are not recorded: the cache does not answer")
        return False
    return are_shared(before)


def claim_daily_report(grant_id: UUID) -> bool:
    """Claim the one report on a connection per 24 hours; return whether this caller got it."""
    try:
        return cache_of("retries").add(f"oauth_service.retries.{grant_id.hex}.told", 1, DAY_SECONDS)
    except Exception:
        logger.exception("repeated refreshes are not reported: the cache does not answer")
        return False
