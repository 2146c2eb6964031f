"""
Events, announced after they were committed: Django signals for the host project, log lines for the operator.

Every signal is sent with the keyword arguments that are listed beside it: ids and words, never a code, token or secret.
A user name or client_id that nothing has proven is a ClaimedName, a digest: users may type a password in the wrong
field.

Receivers cannot change a decision: it has been made and stored. current_request() names the actor if a member of staff
or a command caused the event.
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
# Tokens that a client gets for itself have no user and no grant: user_id and grant_id are None.
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

# A measurement, not an event: sent after every response, and never logged here.
request_answered = Signal()  # endpoint, method, status, error, seconds

_NAMES = {signal: name for name, signal in list(globals().items()) if isinstance(signal, Signal)}


class RequestContext:
    """
    The request that is being answered.

    Attributes:
        endpoint: name of the view.
        address: of the client.
        by: "staff", or "command" and its name, if someone other than the user concerned acts; "" otherwise.
        actor_id: id of the acting member of staff.
        status, error: of the response, once there is one.
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
        """Id that the response and its log lines share: the trusted proxy's, or else 12 hexadecimal digits."""
        if not self._reference:
            self._reference = secrets.token_hex(6)
        return self._reference


_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{8,64}")
_current: ContextVar[RequestContext | None] = ContextVar("context", default=None)


def current_request() -> RequestContext:
    """The request that is being answered; outside of a request, an empty RequestContext."""
    return _current.get() or RequestContext()


@contextmanager
def use_request_context(context: RequestContext) -> Iterator[None]:
    """Attribute the events of the block to this request."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


class request_context:  # noqa: N801 - a context manager
    """
    Attribute the events of the block to a request, and then announce how long it took.

    A class, because each request takes this way, and a generator costs it twice as much.
    """

    __slots__ = ("_context", "_method", "_started", "_token")

    def __init__(self, endpoint: str, method: str, address: str, request_id: str) -> None:
        self._context = RequestContext(endpoint, address, request_id)
        self._method = method

    def __enter__(self) -> RequestContext:
        self._token = _current.set(self._context)
        self._started = time.perf_counter()
        return self._context

    def __exit__(self, *_: object) -> None:
        context = self._context
        try:
            if request_answered.receivers and not context.is_left:
                seconds = time.perf_counter() - self._started
                facts = {
                    "endpoint": context.endpoint,
                    "method": self._method,
                    "status": context.status,
                    "error": context.error,
                }
                request_answered.send_robust(sender=None, **facts, seconds=seconds)
        finally:
            _current.reset(self._token)


_WARNINGS = {
    *(login_refused, client_refused, assertion_refused, user_code_refused),
    *(code_replayed, device_code_replayed, refresh_replayed, refresh_shared, backup_restored),
}


def announce(signal: Signal, **facts: object) -> None:
    """
    Announce an event once the current transaction is committed. If it is rolled back, nothing is announced.

    Args:
        facts: ids and words, as listed beside the signal.
    """

    context = _current.get()

    def tell() -> None:
        # The host's transaction may end after the request. The event still belongs to this request.
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
    # A failing receiver is the host project's to repair. Django logs it, and the client's response is already true.
    signal.send_robust(sender=None, **facts)
