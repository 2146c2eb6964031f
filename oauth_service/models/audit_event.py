"""AuditEvent: what happened, to whom, through which client and from where; kept for a set time."""

import json
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from ..compiled.statement import Write, insert
from ..database import PrimaryManager

_MOST_PARAMETERS = 32_767  # of a statement, where the database names no limit


class Event(models.TextChoices):
    """What can happen, by the names of signals.py."""

    LOGIN_REFUSED = "login_refused", _("sign-in refused")
    CLIENT_REFUSED = "client_refused", _("client refused")
    CONSENT_GIVEN = "consent_given", _("consent given")
    CODE_ISSUED = "code_issued", _("code issued")
    TOKEN_ISSUED = "token_issued", _("connected")
    TOKEN_REFRESHED = "token_refreshed", _("access renewed")
    REFRESH_RETRIED = "refresh_retried", _("renewal repeated")
    CODE_REPLAYED = "code_replayed", _("code replayed")
    REFRESH_REPLAYED = "refresh_replayed", _("refresh token replayed")
    TOKEN_REVOKED = "token_revoked", _("token revoked")
    APP_DEAUTHORISED = "app_deauthorised", _("app deauthorised")
    SIGNING_KEY_CHANGED = "signing_key_changed", _("signing key changed")


class Outcome(models.TextChoices):
    """How it ended for whoever asked."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")


class Entry(NamedTuple):
    """The columns of one row, but its key; user_id None and "" for what is not known."""

    at: datetime
    event: str
    outcome: str
    user_id: Any
    client_id: str
    grant_id: UUID | None
    scope: str
    reason: str
    address: str
    reference: str
    purge_at: datetime


class AuditEventManager(PrimaryManager["AuditEvent"]):
    """Reads and writes of the audit trail."""

    def add(self, entry: Entry) -> None:
        """Write one row, at once."""
        _insert.run(**entry._asdict())

    def add_all(self, entries: Sequence[Entry]) -> None:
        """Write many rows, all or none, in as few statements as the database allows."""
        _insert.run_all(entries)

    def of_user(self, user_id: Any) -> "models.QuerySet[AuditEvent]":
        """A user's events, the latest first."""
        return self.filter(user_id=user_id).order_by("-at", "-pk")

    def forget(self, user_id: Any) -> None:
        """Delete all that is known of a user."""
        self.filter(user_id=user_id)._raw_delete(self.db)


class AuditEvent(models.Model):
    """
    One event. Ids and words only: nothing in it opens anything.

    Its user is a reference without a constraint, and its client a text: rows are written a moment after what they tell of, and
    none of them may fail because somebody was deleted meanwhile. They outlive their client, and go with their user.
    """

    at = models.DateTimeField(_("when"))
    event = models.CharField(_("event"), max_length=32, choices=Event.choices)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("user"),
    )
    client_id = models.CharField(_("client ID"), max_length=100, blank=True)
    grant_id = models.UUIDField(_("connection"), null=True)
    scope = models.CharField(_("scope"), max_length=1000, blank=True)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = AuditEventManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("audit event")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["user", "at"], name="oauth_service_audit_user"),
            models.Index(fields=["client_id", "at"], name="oauth_service_audit_client"),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} · {self.at:%Y-%m-%d %H:%M:%S}"


class _Insert(Write):
    """The compiled INSERT of one row, for one or for many."""

    def run_all(self, entries: Sequence[Entry]) -> None:
        connection = self._connection()
        compiled = self._on(connection)
        head, _, row = compiled.sql.partition(" VALUES ")
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # One parameter instead of thousands, which its driver takes four times as long to write down.
                names = head[head.index("(") + 1 : head.rindex(")")]
                table = connection.ops.quote_name(AuditEvent._meta.db_table)
                text = f"{head} SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608 - the compiler's
                cursor.execute(text, [json.dumps([entry._asdict() for entry in entries], default=str)])
                return
            in_order = itemgetter(*[Entry._fields.index(name) for name, _ in compiled.parameters])
            adapts = [adapt for _, adapt in compiled.parameters]
            most = (connection.features.max_query_params or _MOST_PARAMETERS) // len(adapts)
            for start in range(0, len(entries), most):
                some = entries[start : start + most]
                values = [
                    adapt(value) if adapt else value
                    for entry in some
                    for adapt, value in zip(adapts, in_order(entry), strict=True)
                ]
                cursor.execute(f"{head} VALUES {', '.join([row] * len(some))}", values)


_insert = _Insert(lambda: AuditEvent, lambda: insert(AuditEvent))
