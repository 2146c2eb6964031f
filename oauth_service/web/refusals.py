"""The operator's voice: the exact reason of a refusal, in the log."""

import logging

from .. import signals
from ..guard import outage
from ..protocol.errors import AuthorizationPending, BearerError, OAuthError, TemporarilyUnavailable

logger = logging.getLogger("oauth_service.refused")


def log_refusal(path: str, refusal: OAuthError) -> str:
    """
    Write the exact reason of a refusal to the log.

    Returns:
        the reference under which it stands there.
    """
    context = signals.current_request()
    context.error = refusal.error or "no_token"
    # Devices are told every few seconds that nobody has decided.
    level = logging.INFO if isinstance(refusal, (BearerError, AuthorizationPending)) else logging.WARNING
    logger.log(
        level,
        "refused error=%s endpoint=%s reference=%s detail=%r",
        context.error,
        on_one_line(path),
        context.reference,
        refusal.detail,
        extra={"reference": context.reference, "error": refusal.error, "detail": refusal.detail},
    )
    return context.reference


def on_one_line(path: str) -> str:
    """A path as it can stand in a log: outside of our own endpoints it is whatever somebody asked for."""
    return path.encode("unicode_escape").decode("ascii")


def unavailable(failure: BaseException) -> TemporarilyUnavailable | None:
    """The answer to a failure that an outage of the database explains; None for any other failure."""
    if not isinstance(failure, Exception) or not outage.is_outage(failure):
        return None
    outage.close_read_only_connections(failure)
    # The driver's words name hosts and statements; they are for the operator alone.
    return TemporarilyUnavailable(
        "the server cannot reach its database at the moment", detail=f"{type(failure).__name__}: {failure}"
    )
