"""
Refresh tokens that are used twice, generation after generation: two seem to hold them (RFC 9700 section 4.14.2).

It is kept where failures are counted, and not in the database: a refresh that is repeated writes nothing there. With a cache in
memory each process sees its own share, and needs longer to be sure.
"""

import logging
from uuid import UUID

from ..protocol.refresh_token import add_retried, are_shared
from .failure_counts import cache_of

logger = logging.getLogger("oauth_service.throttle")

KEPT_SECONDS = 30 * 86_400  # what memcached takes as a span of time
DAY_SECONDS = 86_400


def note(grant_id: UUID, generation: int) -> bool:
    """
    Remember that a generation was used twice, and tell whether too many of the latest were.

    Two that come at the very same moment may remember one generation for both, so that the next one tells.
    """
    key = f"oauth_service.retries.{grant_id.hex}"
    try:
        cache = cache_of("retries")
        before: tuple[int, ...] = cache.get(key, ())
        if generation not in before:
            cache.set(key, after := add_retried(before, generation), KEPT_SECONDS)
            return are_shared(after)
    except Exception:
        # Each cache has a driver of its own, with errors of its own. A cache that is away must log nobody out.
        logger.exception("refreshes that are repeated are not noted: the cache does not answer")
        return False
    return are_shared(before)


def is_first_today(grant_id: UUID) -> bool:
    """Tell whether nobody was told of this connection in the last day; the next one hears that somebody was."""
    try:
        return cache_of("retries").add(f"oauth_service.retries.{grant_id.hex}.told", 1, DAY_SECONDS)
    except Exception:
        logger.exception("refreshes that are repeated are not told: the cache does not answer")
        return False
