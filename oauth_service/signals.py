"""
What happened, told after it was committed: Django signals for the host project, log lines for the operator.

Every signal is sent with the facts named beside it as keyword arguments: ids and words, never a code, token or secret. A user
name or client_id that nothing proves is a ClaimedName: a digest of what was typed, which may be a password in the wrong field.
Receivers cannot change a decision: it has been taken and stored. current_request() says who acted, if it was staff or a command.
"""

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction
from django.dispatch import Signal

from . import database

logger = logging.getLogger("oauth_service.events")

login_refused = Signal()  # username, reason
client_refused = Signal()  # client_id, reason
assertion_refused = Signal()  # client_id, reason
consent_given = Signal()  # user_id, client_id, scope
code_issued = Signal()  # user_id, client_id, scope
# A client's own token has neither user_id nor grant_id: both are None.
token_issued = Signal()  # user_id, client_id, scope, grant_type, grant_id
token_refreshed = Signal()  # user_id, client_id, scope, grant_id, grant_type, last_used_at
token_exchanged = Signal()  # user_id, client_id, scope, grant_id, grant_type, app_client_id, reason
refresh_retried = Signal()  # user_id, client_id, scope, grant_id
code_replayed = Signal()  # user_id, client_id, grant_id
device_code_replayed = Signal()  # user_id, client_id, grant_id
device_approved = Signal()  # user_id, client_id, scope, grant_id
device_denied = Signal()  # user_id, client_id, grant_id
user_code_refused = Signal()  # user_id, reason
refresh_replayed = Signal()  # user_id, client_id, grant_id, behind, after, address_is_known, reason
refresh_shared = Signal()  # user_id, client_id, grant_id, address_is_known, reason
token_revoked = Signal()  # user_id, client_id, grant_id, token_type
app_deauthorised = Signal()  # user_id, client_id, reason
connection_end_set = Signal()  # user_id, client_id, changes
user_tokens_revoked = Signal()  # user_id, client_id, reason
signing_key_changed = Signal()  # action, kid, algorithm
backup_restored = Signal()  # reason
signed_in = Signal()  # user_id
signed_out = Signal()  # user_id
client_registered = Signal()  # client_id, reason, changes
registration_changed = Signal()  # client_id, reason, changes
registration_ended = Signal()  # client_id, reason
administered = Signal()  # action, model, object_id, user_id, client_id, grant_id, changes

# Not an event but a measurement: sent after every answer, and never logged here.
request_answered = Signal()  # endpoint, method, status, error, seconds

_NAMES = {signal: name for name, signal in list(globals().items()) if isinstance(signal, Signal)}


class RequestContext:
    """
    The request that is being answered.

    Attributes:
        endpoint: name of the view.
        address: of the client.
        by: "staff", or "command" and its name, if whoever acts is not the one who is concerned; "" otherwise.
        actor_id: the user who is that staff.
        status, error: of the answer, once there is one.
        is_left: True if Django answers instead and reports the request.
    """

    __slots__ = ("_reference", "actor_id", "address", "by", "endpoint", "error", "is_left", "status")

    def __init__(
        self, endpoint: str = "", address: str = "", request_id: str = "", *, by: str = "", actor_id: object = None
    ) -> None:
        self.endpoint = endpoint
        self.address = address
        self.by = by
        self.actor_id = actor_id
        self.status = 0
        self.error = ""
        self.is_left = False
        self._reference = request_id if _REQUEST_ID.fullmatch(request_id) else ""

    @property
    def reference(self) -> str:
        """The id that an answer and its log lines share: the trusted proxy's, or else 12 hexadecimal digits."""
        if not self._reference:
            self._reference = secrets.token_hex(6)
        return self._reference


_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{8,64}")
_current: ContextVar[RequestContext | None] = ContextVar("context", default=None)


def current_request() -> RequestContext:
    """The request that is being answered; outside of one, a new one that nobody sent."""
    return _current.get() or RequestContext()


@contextmanager
def within(context: RequestContext) -> Iterator[None]:
    """What is announced in the block is this request's."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def request_context(endpoint: str, method: str, address: str, request_id: str) -> Iterator[RequestContext]:
    """Answer a request within the block, and tell how long it took."""
    context = RequestContext(endpoint, address, request_id)
    token = _current.set(context)
    started = time.perf_counter()
    try:
        yield context
    finally:
        if request_answered.receivers and not context.is_left:
            seconds = time.perf_counter() - started
            facts = {"endpoint": endpoint, "method": method, "status": context.status, "error": context.error}
            request_answered.send_robust(sender=None, **facts, seconds=seconds)
        _current.reset(token)


_WARNINGS = {
    *(login_refused, client_refused, assertion_refused, user_code_refused),
    *(code_replayed, device_code_replayed, refresh_replayed, refresh_shared, backup_restored),
}


def announce(signal: Signal, **facts: object) -> None:
    """
    Tell of an event once the transaction under way is committed; not at all if it is rolled back.

    Args:
        facts: ids and words, as listed beside the signal.
    """

    context = _current.get()

    def tell() -> None:
        # A host's transaction around the request may end only after it: then, too, it is this request's event.
        token = _current.set(context)
        try:
            _tell(signal, facts)
        finally:
            _current.reset(token)

    transaction.on_commit(tell, using=database.ours(), robust=True)


def _tell(signal: Signal, facts: dict[str, object]) -> None:
    level = logging.WARNING if signal in _WARNINGS else logging.INFO
    name = _NAMES[signal]
    if logger.isEnabledFor(level):
        context = current_request()
        told = facts | ({"by": f"{context.by} {context.actor_id or ''}".strip()} if context.by else {})
        words = " ".join(f"{key}={str(value)!r}" for key, value in told.items())
        logger.log(level, "%s %s", name, words, extra={"event": name, "facts": told})
    # A host's receiver that fails is the host's to mend, and Django logs it; the client's answer is already true.
    signal.send_robust(sender=None, **facts)
