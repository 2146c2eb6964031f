"""The sweep: ordinary requests delete rows whose purge_at has passed, a bounded batch at a time."""

import logging
import threading
import time
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import Error, connections, models

from .. import conf, database
from .audit_event import AuditEvent
from .authorization_code import AuthorizationCode
from .client import Client
from .consent import Consent, serialise_deletions
from .delivery import Delivery
from .device_code import DeviceCode
from .document import Document
from .grant import Grant
from .once import Once
from .registration import Registration, fetched_for
from .revoked_token import RevokedToken
from .session_mark import SessionMark
from .sign_in import SignIn, SignInClient
from .signing_key import SigningKey

logger = logging.getLogger("oauth_service.purge")

BATCH = 500
CONSENT_BATCH = 50  # per batch: each is deleted in a transaction of its own
REGISTRATION_BATCH = 50  # per batch: everything that depends on each client is collected and deleted with it
PAUSE_SECONDS = 60.0
SWEPT: tuple[type[models.Model], ...] = (
    AuthorizationCode,
    Grant,
    RevokedToken,
    Once,
    AuditEvent,
    Document,
)
SWEPT_OF_OPENID: tuple[type[models.Model], ...] = (SignIn, SignInClient, Delivery, SigningKey)

SWEPT_OF_DEVICES: tuple[type[models.Model], ...] = (DeviceCode,)
SWEPT_OF_REGISTRATION: tuple[type[models.Model], ...] = (Registration,)

_turn = threading.Lock()
_next_at = time.monotonic() + PAUSE_SECONDS


def swept_tables() -> tuple[type[models.Model], ...]:
    """Return the tables to sweep; those of a feature only while it is switched on."""
    of_devices = SWEPT_OF_DEVICES if conf.DEVICE_AUTHORIZATION() else ()
    of_registration = SWEPT_OF_REGISTRATION if conf.clients_introduce_themselves() else ()
    return SWEPT + (SWEPT_OF_OPENID if conf.is_openid() else ()) + of_devices + of_registration


def sweep(*, now: datetime, batch: int = BATCH, everywhere: bool = False) -> int:
    """
    Delete up to a batch of dead rows from each table, and end connections whose end date has come.

    Args:
        everywhere: sweep the tables of features that are switched off, too.

    Returns:
        the number of deleted rows.
    """
    tables = SWEPT + SWEPT_OF_OPENID + SWEPT_OF_DEVICES + SWEPT_OF_REGISTRATION if everywhere else swept_tables()
    ended = Consent.objects.sweep_ended(now=now, batch=min(batch, CONSENT_BATCH))
    return ended + sum(_sweep_table(model, now=now, batch=batch) for model in tables)


def sweep_void(*, batch: int = BATCH) -> int:
    """
    Delete up to a batch of codes and of grants without a consent, and of marks without a user, even before their
    purge_at.

    This reads every row, so no request should wait for it.

    Returns:
        the number of deleted rows.
    """
    users = get_user_model()._base_manager.using(database.primary(SessionMark))
    of_nobody = ~models.Exists(users.filter(pk=models.OuterRef("user_id")))
    marks = SessionMark.objects.filter(
        pk__in=SessionMark.objects.filter(of_nobody).values_list("pk", flat=True)[:batch]
    )
    return sum(_sweep_void(model, batch=batch) for model in (AuthorizationCode, Grant)) + marks._raw_delete(marks.db)


def forget_the_deleted(*, batch: int = BATCH) -> int:
    """
    Remove users who were deleted past Django from up to a batch of audit events. This reads every row, too.

    Returns:
        the number of changed events.
    """
    return AuditEvent.objects.forget_the_deleted(most=batch)


def ride_along(*, now: datetime) -> bool:
    """
    Sweep one batch if this process has not done so for PAUSE_SECONDS; without a pause while there is a backlog.

    The tables thus stay small while tokens are issued, and nobody has to schedule anything.

    Returns:
        True if this request swept.
    """
    global _next_at
    if time.monotonic() < _next_at or not _turn.acquire(blocking=False):
        return False
    try:
        _next_at = time.monotonic() + PAUSE_SECONDS
        if sweep(now=now) >= BATCH:
            _next_at = time.monotonic()
    except Error:
        # The tokens of this request are issued already. Without its response the client would send the code again,
        # which would count as a replay.
        logger.warning(
            "the sweep of expired rows failed; the next attempt is in %d seconds", PAUSE_SECONDS, exc_info=True
        )
    finally:
        _turn.release()
    return True


def _sweep_void(model: type[models.Model], *, batch: int) -> int:
    rows = model._default_manager.using(alias := database.primary(model))
    # A consent is written with the first code that refers to it, and its key is never used again: a row without one is
    # void.
    void = rows.filter(~models.Exists(Consent.objects.filter(pk=models.OuterRef("consent_id"))))
    return rows.filter(pk__in=void.values_list("pk", flat=True)[:batch])._raw_delete(alias)


def _sweep_table(model: type[models.Model], *, now: datetime, batch: int) -> int:
    if model is Registration:
        return _sweep_registrations(now=now, batch=min(batch, REGISTRATION_BATCH))
    dead = model._default_manager.using(alias := database.primary(model)).filter(purge_at__lte=now)
    # Rows locked by the sweep of another worker are skipped, so that workers share the work and do not wait.
    chosen = dead.order_by("purge_at").values_list("pk", flat=True)
    if connections[alias].features.has_select_for_update_skip_locked:
        chosen = chosen.select_for_update(skip_locked=True)
    # The DELETE checks purge_at again: a grant refreshed in the meantime is alive.
    return database.run_transaction(lambda: dead.filter(pk__in=chosen[:batch])._raw_delete(alias))


def _sweep_registrations(*, now: datetime, batch: int) -> int:
    """
    Delete clients that registered themselves and that no user connected in time.

    Returns:
        the number of clients that were due. A client that a user connected while registration was switched off stays,
        and is no longer due.
    """

    def run() -> int:
        due = list(
            Registration.objects.filter(purge_at__lte=now).order_by("purge_at").values_list("pk", flat=True)[:batch]
        )
        if not due:
            return 0
        connection = connections[database.primary(Client)]
        serialise_deletions(connection, alone=True)  # before the rows are locked, in the order of every deletion
        clients = Client.objects.filter(pk__in=due)
        if connection.features.has_select_for_update:
            # A user who is about to allow one of these clients waits; the request fails once the client is gone.
            clients = clients.select_for_update()
        held = set(clients.values_list("pk", flat=True))
        connected = set(Consent.objects.filter(client__in=held).values_list("client_id", flat=True))
        for pk in connected:
            Registration.objects.keep(pk, now=now)
        gone = held - connected
        if gone:
            documents = {each for client in Client.objects.filter(pk__in=gone) for each in fetched_for(client)}
            Client.objects.filter(pk__in=gone).delete()
            Registration.objects.expire_unused(documents, now=now)
        return len(held)

    return database.run_transaction(run)
