"""Log of refusals, with the exact reason for the operator."""

import logging

from .. import signals
from ..guard import outage
from ..protocol.errors import AuthorizationPending, BearerError, OAuthError, TemporarilyUnavailable

logger = logging.getLogger("oauth_service.refused")


def log_refusal(path: str, refusal: OAuthError) -> str:
    """
    Log the exact reason of a refusal.

    Returns:
        reference of the log line.
    """
    context = signals.current_request()
    context.error = refusal.error or "no_token"
    # Devices are refused every few seconds until the user has decided.
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
    """A path with control characters escaped: outside our own endpoints it is arbitrary input."""
    return path.encode("unicode_escape").decode("ascii")


def unavailable(failure: BaseException) -> TemporarilyUnavailable | None:
    """Refusal for a failure that a database outage explains; None for any other failure."""
    if not isinstance(failure, Exception) or not outage.is_outage(failure):
        return None
    outage.close_read_only_connections(failure)
    # The driver's message names hosts and statements, which are for the operator only.
    detail = f"{type(failure).__name__}: {failure}"
    if outage.is_missing_table(failure):
        detail += ". Run manage.py migrate."
    return TemporarilyUnavailable("the server cannot reach its database at the moment", detail=detail)
