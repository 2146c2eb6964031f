"""
What happened, told after it was committed: Django signals for the host project, log lines for the operator.

Every signal is sent with the facts named beside it as keyword arguments: ids and words, never a code, token or secret.
Receivers cannot change a decision: it has been taken and stored.
"""

import logging

from django.db import transaction
from django.dispatch import Signal
from django.http import HttpRequest

logger = logging.getLogger("oauth_service.events")

login_refused = Signal()  # username
client_refused = Signal()  # client_id, reason
consent_given = Signal()  # user_id, client_id, scope
code_issued = Signal()  # user_id, client_id, scope
token_issued = Signal()  # user_id, client_id, scope, grant_id
token_refreshed = Signal()  # user_id, client_id, scope, grant_id
refresh_retried = Signal()  # user_id, client_id, scope, grant_id
code_replayed = Signal()  # user_id, client_id, grant_id
refresh_replayed = Signal()  # user_id, client_id, grant_id
token_revoked = Signal()  # user_id, client_id, grant_id, token_type
app_deauthorised = Signal()  # user_id, client_id

_NAMES = {signal: name for name, signal in list(globals().items()) if isinstance(signal, Signal)}
_WARNINGS = {login_refused, client_refused, code_replayed, refresh_replayed}


def announce(signal: Signal, **facts: object) -> None:
    """
    Tell of an event once the transaction under way is committed; not at all if it is rolled back.

    Args:
        facts: ids and words, as listed beside the signal.
    """

    def tell() -> None:
        level = logging.WARNING if signal in _WARNINGS else logging.INFO
        name = _NAMES[signal]
        words = " ".join(f"{key}={str(value)!r}" for key, value in facts.items())
        logger.log(level, "%s %s", name, words, extra={"event": name, "facts": facts})
        # A host's receiver that fails is the host's to mend; the client's answer is already true.
        for receiver, outcome in signal.send_robust(sender=None, **facts):
            if isinstance(outcome, Exception):
                logger.error("receiver %r of %s failed", receiver, name, exc_info=outcome)

    transaction.on_commit(tell, robust=True)


def announce_login_refused(
    sender: object, credentials: dict[str, object], request: HttpRequest | None = None, **_: object
) -> None:
    """Pass Django's own signal of a refused login on as an event of ours."""
    announce(login_refused, username=str(credentials.get("username", ""))[:150])
