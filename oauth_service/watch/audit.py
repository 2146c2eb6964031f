"""
The audit trail: every event of signals.py becomes a row. No request waits for routine events (ADR 11).

If the database refuses a row, the row is written as far as possible, or left out and logged; other rows are not
affected. A deleted user is removed from their rows, and from entries that still wait. The rows stay.

A connection that is renewed often adds one row a day, so that its use cannot make the table grow. The same holds, in
each process, for a client that gets tokens of its own. repeats.py merges other repeated events into shared rows.

Decisions of users, and detected thefts, are written before the response is sent. Everything else waits in memory, for a
second or until a batch is full, and a thread of this process writes it; a process that is killed loses that much. The
queue is bounded: events that do not fit are counted, and the log reports how many were lost.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from multiprocessing.util import Finalize
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import close_old_connections, connections, transaction
from django.db.models import Model
from django.db.models.signals import post_delete
from django.dispatch import Signal
from django.utils import timezone

from .. import background, conf, database, signals
from ..background import is_test_run
from ..guard import outage
from ..models import AuditEvent, Client
from ..models.audit_event import MOST_FORGOTTEN, Entry, Event, Outcome
from ..protocol.claimed_name import ClaimedName
from .repeats import Repeats, merged

logger = logging.getLogger("oauth_service.audit")

BATCH = 500
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0  # between attempts while the database is unavailable
IDLE_SECONDS = 10.0  # after which the writer's database connection is closed
MOST_WAITING = 10_000
EXIT_SECONDS = 5.0
LONGEST_NAME = 254  # characters. No account or client has a longer name, and waiting entries must not fill the memory

_USED_AGAIN = "it was used again, and its connection was ended"
_EVENTS: dict[Signal, tuple[Event, Outcome, str]] = {
    signals.login_refused: (Event.LOGIN_REFUSED, Outcome.REFUSED, ""),
    signals.client_refused: (Event.CLIENT_REFUSED, Outcome.REFUSED, ""),
    signals.assertion_refused: (Event.ASSERTION_REFUSED, Outcome.REFUSED, ""),
    signals.consent_given: (Event.CONSENT_GIVEN, Outcome.DONE, ""),
    signals.code_issued: (Event.CODE_ISSUED, Outcome.DONE, ""),
    signals.token_issued: (Event.TOKEN_ISSUED, Outcome.DONE, ""),
    signals.token_refreshed: (Event.TOKEN_REFRESHED, Outcome.DONE, ""),
    signals.token_exchanged: (Event.TOKEN_EXCHANGED, Outcome.DONE, ""),
    signals.refresh_retried: (Event.REFRESH_RETRIED, Outcome.DONE, ""),
    signals.code_replayed: (Event.CODE_REPLAYED, Outcome.REFUSED, _USED_AGAIN),
    signals.device_code_replayed: (Event.DEVICE_CODE_REPLAYED, Outcome.REFUSED, _USED_AGAIN),
    signals.device_approved: (Event.DEVICE_APPROVED, Outcome.DONE, ""),
    signals.device_denied: (Event.DEVICE_DENIED, Outcome.REFUSED, ""),
    signals.user_code_refused: (Event.USER_CODE_REFUSED, Outcome.REFUSED, ""),
    signals.refresh_replayed: (Event.REFRESH_REPLAYED, Outcome.REFUSED, ""),
    signals.refresh_shared: (Event.REFRESH_SHARED, Outcome.DONE, ""),
    signals.token_revoked: (Event.TOKEN_REVOKED, Outcome.DONE, ""),
    signals.app_deauthorised: (Event.APP_DEAUTHORISED, Outcome.DONE, ""),
    signals.connection_end_set: (Event.CONNECTION_END_SET, Outcome.DONE, ""),
    signals.user_tokens_revoked: (Event.USER_TOKENS_REVOKED, Outcome.DONE, ""),
    signals.signing_key_changed: (Event.SIGNING_KEY_CHANGED, Outcome.DONE, ""),
    signals.backup_restored: (Event.BACKUP_RESTORED, Outcome.DONE, ""),
    signals.signed_in: (Event.SIGNED_IN, Outcome.DONE, ""),
    signals.signed_out: (Event.SIGNED_OUT, Outcome.DONE, ""),
    signals.client_registered: (Event.CLIENT_REGISTERED, Outcome.DONE, ""),
    signals.registration_changed: (Event.REGISTRATION_CHANGED, Outcome.DONE, ""),
    signals.registration_ended: (Event.REGISTRATION_ENDED, Outcome.DONE, ""),
    signals.administered: (Event.ADMINISTERED, Outcome.DONE, ""),
}
# Each of these happens once to its subject, so repeated requests cannot make this server write again and again.
_WRITTEN_AT_ONCE = {
    signals.consent_given,
    signals.code_replayed,
    signals.device_code_replayed,
    signals.device_approved,
    signals.device_denied,
    signals.refresh_replayed,
    signals.app_deauthorised,
    signals.connection_end_set,
    signals.user_tokens_revoked,
    signals.signing_key_changed,
    signals.backup_restored,
    signals.administered,
}

OUTCOMES = {event: outcome for event, outcome, _ in _EVENTS.values()}
_ROWS_OF_THEIR_OWN = {_EVENTS[signal][0].value for signal in _WRITTEN_AT_ONCE}


class _Claimed(str):
    """
    A name given by somebody who proved nothing.

    It may be a password typed into the wrong field. So it is stored only as the account or client that has this name,
    or not at all.
    """

    __slots__ = ()


def _claimed(name: str) -> _Claimed:
    typed = name.reveal() if isinstance(name, ClaimedName) else name
    return _Claimed(typed if len(typed) <= LONGEST_NAME else "")


def connect(users: Iterable[type[Model]]) -> None:
    """
    Record every event, and every deletion of a user.

    Args:
        users: the user model and its proxies.
    """
    for signal in _EVENTS:
        signal.connect(_record, dispatch_uid="oauth_service.audit")
    for user in users:
        post_delete.connect(_forget, sender=user, dispatch_uid="oauth_service.audit")


def forget() -> None:
    """Forget what waits and which rows exist: their database is gone."""
    _trail.forget()
    _own_tokens.clear()


def flush() -> bool:
    """
    Write the waiting entries now, on the caller's connection.

    Returns:
        False if entries still wait: the database is unavailable, or a user of theirs is being deleted.
    """
    return _trail.flush()


def _record(
    signal: Signal,
    *,
    user_id: Any = None,
    client_id: str = "",
    grant_id: Any = None,
    scope: str = "",
    reason: str = "",
    token_type: str = "",
    username: str = "",
    action: str = "",
    kid: str = "",
    model: str = "",
    object_id: str = "",
    changes: str = "",
    last_used_at: datetime | None = None,
    **_: object,
) -> None:
    lifetime = conf.AUDIT_LIFETIME()
    if lifetime is None:
        lifetime = conf.NEVER
    elif not lifetime:
        return
    now = timezone.now()
    # Convert to UTC: a database connection may have a TIME_ZONE of its own, and then the values read from it do, too.
    if last_used_at and last_used_at.astimezone(UTC).date() == now.date():
        return
    is_clients_own = signal is signals.token_issued and user_id is None and grant_id is None
    if is_clients_own and not _claim_daily_own_token(client_id, now):
        return
    event, outcome, why = _EVENTS[signal]
    context = signals.current_request()
    entry = Entry(
        at=now,
        event=event.value,
        outcome=outcome.value,
        user_id=_claimed(username) if username else user_id,
        client_id=_claimed(client_id) if signal is signals.client_refused else client_id,
        grant_id=grant_id,
        scope=scope,
        reason=reason or why or token_type or " ".join(filter(None, (action, kid, model, object_id))),
        address=context.address[:45],
        reference=context.reference if context.endpoint else "",
        purge_at=now + lifetime,
        actor_id=context.actor_id,
        by=context.by,
        changes=changes,
        last_at=now,
    )
    if is_test_run():
        # A waiting entry would be written during the next test, or into the real database at the end. The writer's
        # connection would also keep the test database from being dropped.
        AuditEvent.objects.add_all([Repeats(_ROWS_OF_THEIR_OWN).with_bucket(each) for each in _identified([entry])])
        return
    if signal in _WRITTEN_AT_ONCE:
        try:
            held = AuditEvent.objects.add(_trail.repeats.with_bucket(_fitting(entry)))
        except Exception as fault:
            # The event has happened already. The writer has more time for it than this request.
            logger.warning(
                "audit: %s could not be written immediately; the server will try again: %s",
                entry.event,
                _in_a_line(fault),
            )
        else:
            if not held:
                return
    _trail.put(entry)


def _claim_daily_own_token(client_id: str, now: datetime) -> bool:
    """Note a client's own token; return whether it is the first today, as far as this process knows (ADR 12)."""
    if _own_tokens.get(client_id) == now.date():
        return False
    _own_tokens[client_id] = now.date()
    return True


def _forget(instance: Any, using: str, **_: object) -> None:
    user_id = instance.pk
    AuditEvent.objects.forget(user_id)
    if not is_test_run():
        # The writer removes the rest. No request should wait for a million rows, and a REPEATABLE READ transaction does
        # not see rows that were written after it began.
        transaction.on_commit(lambda: _trail.forget_user(user_id), using=using, robust=True)


class _Trail:
    """The entries of this process that wait to be written, and the thread that writes them."""

    def __init__(self) -> None:
        self.waiting: deque[Entry] = deque()
        self.gone: deque[Any] = deque()  # ids of deleted users
        self.lost = 0
        self.repeats = Repeats(_ROWS_OF_THEIR_OWN)
        self._started = False
        self._are_held = False
        self._finalizer: Finalize | None = None
        self._something = threading.Event()
        self._enough = threading.Event()
        self._writing = threading.Lock()
        self._counting = threading.Lock()

    def put(self, entry: Entry) -> None:
        """
        Queue an entry for the writer, which the first entry starts. If the queue is full, count the entry as lost.
        """
        count = len(self.waiting)
        if count >= MOST_WAITING:
            self._lose(1)
            return
        self.waiting.append(entry)
        self._wake()
        if count >= BATCH and not self._enough.is_set():
            self._enough.set()

    def forget_user(self, user_id: Any) -> None:
        """Let the writer remove a deleted user from all rows."""
        self.gone.append(user_id)
        self._wake()

    def start(self) -> None:
        """
        Start the writer, once per process, and arrange that the remaining entries are written when the process ends.
        """
        with self._counting:
            if self._started:
                return
            self._started = True
        # Unlike atexit, Finalize also runs in the children of multiprocessing, as which some servers run their workers.
        self._finalizer = self._finalizer or Finalize(None, self.finish, exitpriority=100)
        try:
            background.start(self._write_on, name="audit")
        except RuntimeError:  # no thread is available now; the next event tries again
            self._started = False
            logger.warning("audit: the thread that writes events could not be started", exc_info=True)

    def flush(self, *, patience: float = -1) -> bool:
        """
        Write the waiting entries.

        Args:
            patience: seconds to wait for another writer; -1 for as long as it takes.

        Returns:
            False if entries still wait: for the database, or for a user's row that another transaction holds.
        """
        if not self._writing.acquire(timeout=patience):
            return False
        held: list[Entry] = []
        self._are_held = False
        try:
            while batch := self._next():
                held += self._write_in_parts(batch)
            while self.gone:
                while AuditEvent.objects.forget(self.gone[0]) == MOST_FORGOTTEN:
                    pass
                self.gone.popleft()
        except Exception as fault:
            if not outage.is_outage(fault):
                raise
            logger.warning("audit: %d events wait for the database: %s", len(self.waiting) + len(held), fault)
            return False
        finally:
            self.waiting.extend(held)
            self._writing.release()
        with self._counting:
            lost, self.lost = self.lost, 0
        if lost:
            logger.error("audit: %d events were lost", lost)
        self._are_held = bool(held)
        return not held

    def forget(self) -> None:
        """Forget what waits and which rows exist."""
        with self._writing:
            self.waiting.clear()
            self.gone.clear()
            self.repeats.forget()

    def finish(self) -> None:
        """Write the waiting entries at the end of the process, within EXIT_SECONDS."""
        ends_at = time.monotonic() + EXIT_SECONDS
        while not self.flush(patience=EXIT_SECONDS) and self._are_held and time.monotonic() < ends_at:
            time.sleep(0.1)  # for the transaction that holds the rows of their users
        if self.waiting:
            logger.error(
                "audit: %d events were lost because the process ended before they could be written", len(self.waiting)
            )
        connections.close_all()

    def _wake(self) -> None:
        if not self._started:
            self.start()
        if not self._something.is_set():
            self._something.set()

    def _write_in_parts(self, batch: Sequence[Entry]) -> list[Entry]:
        """
        Write a batch without the entries that the database refuses: an odd event costs nothing but itself.

        Returns:
            the entries that must wait for a user's row.

        Raises:
            Exception: the database is unavailable; unwritten entries wait again.
        """
        parts, held = deque([batch]), list[Entry]()
        while parts:
            part = parts.popleft()
            try:
                placed = [self.repeats.with_bucket(entry) for entry in _identified(part)]
                held += AuditEvent.objects.add_all(merged(placed))
            except Exception as fault:
                if outage.is_outage(fault):
                    self.waiting.extendleft(reversed([*held, *part, *chain.from_iterable(parts)]))
                    raise
                if len(part) > 1:
                    middle = len(part) // 2
                    parts.extendleft((part[middle:], part[:middle]))
                    continue
                logger.error("audit: %s could not be written: %s", part[0].event, _in_a_line(fault))
                self._lose(1)
        return held

    def _next(self) -> list[Entry]:
        batch: list[Entry] = []
        while self.waiting and len(batch) < BATCH:
            batch.append(self.waiting.popleft())
        return batch

    def _lose(self, count: int) -> None:
        with self._counting:
            self.lost += count

    def _write_on(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            if not self._something.wait(IDLE_SECONDS):
                connections.close_all()
                self._something.wait()
            self._enough.wait(PAUSE_SECONDS)
            self._something.clear()
            self._enough.clear()
            close_old_connections()
            if self.flush():
                pause = PAUSE_SECONDS
                close_old_connections()  # closes connections that the project does not keep; behind a pool, others need them
            else:
                connections.close_all()
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                self._something.set()


def _identified(batch: Sequence[Entry]) -> list[Entry]:
    """Replace typed names by the accounts and clients that have them, and fit the entries to the columns."""
    accounts = {name: _account_of(name) for entry in batch if isinstance(name := entry.user_id, _Claimed)}
    claimed = {entry.client_id for entry in batch if isinstance(entry.client_id, _Claimed)}
    # A name that does not fit the column belongs to no client.
    sought = [name for name in claimed if _fitting(batch[0]._replace(client_id=name, user_id=None)).client_id == name]
    clients = set(Client.objects.filter(client_id__in=sought).values_list("client_id", flat=True)) if sought else ()

    def identified(entry: Entry) -> Entry:
        if isinstance(entry.user_id, _Claimed):
            entry = entry._replace(user_id=accounts[entry.user_id])
        if isinstance(entry.client_id, _Claimed):
            entry = entry._replace(client_id=str(entry.client_id) if entry.client_id in clients else "")
        return _fitting(entry)

    return [identified(entry) for entry in batch]


def _fitting(entry: Entry) -> Entry:
    entry, changed = entry.fitting()
    if changed:
        logger.warning(
            "audit: %s was written without those parts that do not fit into the columns: %s", entry.event, changed
        )
    return entry


def _account_of(name: str) -> Any:
    model = get_user_model()
    alias = database.primary(model)
    users: Any = model._default_manager.db_manager(alias)
    try:
        with transaction.atomic(using=alias):
            return users.get_by_natural_key(name).pk
    except Exception as fault:
        # No user or several users have this name, or the database or the project's manager cannot even look for
        # it. If the database is unavailable, the row cannot be written either, and the name is looked up again later.
        if not isinstance(fault, ObjectDoesNotExist):
            logger.warning("audit: the account of a refused sign-in could not be found: %s", type(fault).__name__)
        return None


def _in_a_line(fault: Exception) -> str:
    # PostgreSQL's further lines repeat the values.
    return f"{type(fault).__name__}: {fault}".partition("\n")[0]


_trail = _Trail()
_own_tokens: dict[str, date] = {}


def _start_afresh() -> None:
    global _trail
    _trail = _Trail()  # the parent writes its own entries, and its thread does not exist in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
