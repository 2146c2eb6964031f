"""AuditEvent: an entry of the audit trail: the event, its user, client and address. Kept for a set time."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..compiled import driver
from ..compiled.statement import Compiled, Write, insert
from ..database import PrimaryManager
from .client import LONGEST_CLIENT_ID

LONGEST_CHANGES = 2_000
MOST_FORGOTTEN = 10_000  # most rows that the deletion of a user waits for

_MOST_PARAMETERS = 32_767  # of a statement, if the database names no limit
# Characters that some or all databases refuse in a text: NUL, and lone surrogates.
_REFUSED_CHARACTERS = re.compile("[\0\ud800-\udfff]")


class Event(models.TextChoices):
    """The events, named as in signals.py."""

    LOGIN_REFUSED = "login_refused", _("sign-in refused")
    CLIENT_REFUSED = "client_refused", _("client refused")
    ASSERTION_REFUSED = "assertion_refused", _("assertion refused")
    CONSENT_GIVEN = "consent_given", _("consent given")
    CODE_ISSUED = "code_issued", _("code issued")
    TOKEN_ISSUED = "token_issued", _("connected")
    TOKEN_REFRESHED = "token_refreshed", _("access renewed")
    TOKEN_EXCHANGED = "token_exchanged", _("token exchanged")
    REFRESH_RETRIED = "refresh_retried", _("renewal repeated")
    CODE_REPLAYED = "code_replayed", _("code replayed")
    DEVICE_APPROVED = "device_approved", _("device allowed")
    DEVICE_DENIED = "device_denied", _("device denied")
    DEVICE_CODE_REPLAYED = "device_code_replayed", _("device code replayed")
    USER_CODE_REFUSED = "user_code_refused", _("code of a device refused")
    REFRESH_REPLAYED = "refresh_replayed", _("refresh token replayed")
    REFRESH_SHARED = "refresh_shared", _("refresh token shared")
    TOKEN_REVOKED = "token_revoked", _("token revoked")
    APP_DEAUTHORISED = "app_deauthorised", _("app deauthorised")
    CONNECTION_END_SET = "connection_end_set", _("end date chosen")
    USER_TOKENS_REVOKED = "user_tokens_revoked", _("signed out everywhere")
    SIGNING_KEY_CHANGED = "signing_key_changed", _("signing key changed")
    BACKUP_RESTORED = "backup_restored", _("backup restored")
    SIGNED_IN = "signed_in", _("signed in")
    SIGNED_OUT = "signed_out", _("signed out")
    CLIENT_REGISTERED = "client_registered", _("client registered itself")
    REGISTRATION_CHANGED = "registration_changed", _("registration changed")
    REGISTRATION_ENDED = "registration_ended", _("registration ended")
    ADMINISTERED = "administered", _("administration")


class Outcome(models.TextChoices):
    """The result for the client or user that asked."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")


class Entry(NamedTuple):
    """The columns of one row without its key. Unknown values are None for users and "" for texts."""

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
    actor_id: Any = None
    by: str = ""
    changes: str = ""
    event_count: int = 1
    last_at: datetime | None = None
    bucket: UUID | None = None

    def fitting(self) -> tuple["Entry", list[str]]:
        """Return the entry changed to fit its columns, and the names of the columns that had to be changed."""
        changed: dict[str, Any] = {}
        for name, length in _lengths().items():
            text = getattr(self, name)
            if not isinstance(text, str):
                changed[name] = ("" if text is None else str(text))[:length]
            elif len(text) > length or _REFUSED_CHARACTERS.search(text):
                changed[name] = _REFUSED_CHARACTERS.sub("\ufffd", text)[:length]
        for name in _USER_COLUMNS:
            if (given := getattr(self, name)) is None:
                continue
            try:
                key = get_user_model()._meta.pk.to_python(given)
            except ValidationError:
                key = None
            if key != given or type(key) is not type(given):
                changed[name] = key
        return (self._replace(**changed) if changed else self), list(changed)

    def persons(self) -> set[Any]:
        """Return the ids of the users that the entry names."""
        return {self.user_id, self.actor_id} - {None}

    def without(self, gone: Collection[Any]) -> "Entry":
        """Return the entry without users who are gone. The address and reference go with the user who acted."""
        left: dict[str, Any] = {name: None for name in _USER_COLUMNS if getattr(self, name) in gone}
        if self.user_id in gone:
            left["changes"] = ""
        if (self.user_id if self.actor_id is None else self.actor_id) in gone:
            left |= {"address": "", "reference": ""}
        # The bucket is a hash that includes the user: somebody could try all users to find the one that fits.
        return self._replace(**left, bucket=None) if left else self


_USER_COLUMNS = ("user_id", "actor_id")


class RowFilter(NamedTuple):
    """Rows that are alike in some columns (conditions), and the most of them to read."""

    conditions: Mapping[str, Any]
    most: int


@cache
def _lengths() -> dict[str, int]:
    texts = [field for field in AuditEvent._meta.concrete_fields if isinstance(field, models.CharField)]
    return {field.attname: field.max_length or 0 for field in texts}


class AuditEventManager(PrimaryManager["AuditEvent"]):
    def add(self, entry: Entry) -> list[Entry]:
        """
        Write one row at once; without its user if that user is gone or being deleted.

        Returns:
            the entry, if it must wait as with add_all().
        """
        if len(entry.persons()) == 2 or not _can_add(connections[self.db]):
            return self.add_all([entry])  # holding one user while waiting for the other could deadlock
        _insert.run(**entry._asdict())
        return []

    def add_all(self, entries: Sequence[Entry]) -> list[Entry]:
        """
        Write many rows, all or none, in as few statements as the database allows; without users who are gone.

        An entry whose bucket has a row already adds to that row. No two entries may have the same bucket.

        Returns:
            the entries that must wait: another transaction holds their users' rows, perhaps to delete them.
        """
        if not _can_add(connections[self.db]):
            entries = [entry._replace(bucket=None) for entry in entries]
        with transaction.atomic(using=self.db):
            ids = set().union(*(entry.persons() for entry in entries))
            there, held = _lock_users(ids, self.db) if ids else (set(), set())
            gone = ids - there
            rows = [each.without(gone) if gone else each for each in entries if not held & each.persons()]
            if rows:
                _insert.run_all(rows)
        return [each for each in entries if held & each.persons()]

    def latest_of(self, filters: Sequence["RowFilter"]) -> "models.query.RawQuerySet[AuditEvent]":
        """
        Return the latest rows of each of several filters, the latest first, in one statement. Pass at least one filter.

        The statement reads only these rows if an index has the columns of each filter followed by `at`.
        """
        text, parameters = self._latest_of(filters, [field.attname for field in AuditEvent._meta.concrete_fields])
        return self.raw(text, parameters, using=self.db)

    def latest_keys_of(self, filters: Sequence["RowFilter"], *, most: int) -> set[int]:
        """Return the keys of the rows of latest_of(), limited to the `most` latest of all filters together."""
        text, parameters = self._latest_of(filters, ["id", "at"])
        with connections[self.db].cursor() as cursor:
            cursor.execute(f"{text} LIMIT {most:d}", parameters)
            return {pk for pk, _ in cursor.fetchall()}

    def _latest_of(self, filters: Sequence["RowFilter"], names: Sequence[str]) -> tuple[str, list[Any]]:
        texts, parameters = list[str](), list[Any]()
        for number, each in enumerate(filters):
            rows = self.filter(**each.conditions).order_by("-at", "-pk").values_list(*names)[: each.most]
            text, values = rows.query.get_compiler(self.db).as_sql()
            texts.append(f"SELECT * FROM ({text}) AS kind_{number}")  # noqa: S608 - the compiler's
            parameters += values
        # The names that the compiler gave to the selected columns.
        at, pk = map(connections[self.db].ops.quote_name, ("at", "id"))
        return f"{' UNION ALL '.join(texts)} ORDER BY {at} DESC, {pk} DESC", parameters

    def forget(self, user_id: Any, *, most: int = MOST_FORGOTTEN) -> int:
        """
        Remove a user from their events; the events stay.

        Returns:
            the number of changed events, at most `most`.
        """
        return self._forget(models.Q(user_id=user_id), models.Q(actor_id=user_id), most)

    def forget_the_deleted(self, *, most: int = MOST_FORGOTTEN) -> int:
        """
        Remove users who were deleted past Django, for instance by a cascade in the database. This reads every row.

        Returns:
            the number of changed events, at most `most`.
        """

        def gone(name: str) -> models.Q:
            users = _users(self.db).filter(pk=models.OuterRef(name))
            return models.Q(~models.Exists(users), **{f"{name}__isnull": False})

        return self._forget(gone("user_id"), gone("actor_id"), most)

    def _forget(self, user: models.Q, actor: models.Q, most: int) -> int:
        # The address is that of the person who acted: the user, unless it was staff.
        was_user = {name: _unless_by_staff(name) for name in ("address", "reference")}
        of_user: dict[str, Any] = {"user": None, "changes": "", "bucket": None, **was_user}
        of_actor: dict[str, Any] = {"actor": None, "address": "", "reference": "", "bucket": None}
        changed = [
            self.filter(pk__in=self.filter(which).values("pk")[:most]).update(**emptied)
            for which, emptied in ((user, of_user), (actor, of_actor))
        ]
        return max(changed)


def _unless_by_staff(name: str) -> models.Case:
    return models.Case(models.When(actor_id__isnull=False, then=models.F(name)), default=models.Value(""))


class AuditEvent(models.Model):
    """
    An event. It has ids and words only, and no secrets.

    The user is the one whom the event concerns. That user also acted, unless `by` names staff (the actor) or a command.

    Users are references without a constraint and the client is a text, because rows are written a moment after the
    event: a user or client deleted in the meantime must not make that fail. Rows outlive both. Without its client a row
    loses nothing; without its user it loses the user and the address.
    """

    at = models.DateTimeField(_("date and time"))
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
    client_id = models.CharField(_("client ID"), max_length=LONGEST_CLIENT_ID, blank=True)
    grant_id = models.UUIDField(_("connection"), null=True)
    scope = models.CharField(_("scope"), max_length=1000, blank=True)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    purge_at = models.DateTimeField(db_index=True, editable=False)
    # During an upgrade, servers of the previous version write rows without the columns from here on.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("acting user"),
    )
    by = models.CharField(_("performed by"), max_length=60, blank=True, db_default="")
    changes = models.CharField(_("changes"), max_length=LONGEST_CHANGES, blank=True, db_default="")
    event_count = models.PositiveIntegerField(_("number of events"), db_default=1)
    last_at = models.DateTimeField(_("time of the latest event"), null=True)
    bucket = models.UUIDField(null=True, unique=True, editable=False)

    objects = AuditEventManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        indexes = [
            # All events of a user are read kind by kind, the latest of each, and then merged.
            models.Index(fields=["user", "event", "at"], name="oauth_service_audit_of_user"),
            models.Index(fields=["client_id", "event", "at"], name="oauth_service_audit_of_client"),
            models.Index(fields=["event", "at"], name="oauth_service_audit_event"),
            models.Index(fields=["reference", "at"], name="oauth_service_audit_reference"),
            models.Index(
                fields=["actor", "at"], name="oauth_service_audit_actor", condition=models.Q(actor__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} · {timezone.localtime(self.at):%Y-%m-%d %H:%M:%S %Z}"

    @property
    def latest_at(self) -> datetime:
        """The moment of the latest occurrence that the row counts."""
        return self.last_at or self.at


class _Insert(Write):
    """The compiled INSERT, for one row or for many."""

    def __init__(self) -> None:
        super().__init__(lambda: AuditEvent, lambda: insert(AuditEvent))
        self._with_user: dict[tuple[str, ...], Compiled] = {}

    def run(self, **values: Any) -> int:
        """Write one row; without its user if that user is gone or being deleted."""
        persons = [name for name in _USER_COLUMNS if values[name] is not None]
        connection = self._connection()
        key = connection.alias, *persons
        try:
            compiled = self._with_user[key]
        except KeyError:
            compiled = self._with_user.setdefault(key, self._compile_with_user(connection, persons))
        return driver.write(connection, compiled.sql, compiled.bind(values))

    def run_all(self, entries: Sequence[Entry]) -> None:
        """Write the rows, or add to the rows of their buckets."""
        connection = self._connection()
        compiled = self._on(connection)
        head, _, row = compiled.sql.partition(" VALUES ")
        with transaction.atomic(using=connection.alias, savepoint=False), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # Without the lock two writers with the same buckets in a different order would deadlock.
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [AuditEvent._meta.db_table])
                # One JSON parameter: psycopg takes four times as long to write thousands of single ones.
                names = head[head.index("(") + 1 : head.rindex(")")]
                table = connection.ops.quote_name(AuditEvent._meta.db_table)
                text = f"{head} SELECT {names} FROM json_populate_recordset(NULL::{table}, %s) {_or_add(connection)}"  # noqa: S608 - the compiler's
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
                cursor.execute(f"{head} VALUES {', '.join([row] * len(some))} {_or_add(connection)}", values)

    def _compile_with_user(self, connection: Any, persons: Sequence[str]) -> Compiled:
        """
        Return the INSERT of one row that looks its user up in the same statement and, on PostgreSQL, locks that user's
        row.

        If the row has both a user and an actor, they are the same. A deletion of the user thus either finds the row, or
        it is over and the row is written without the user.
        """
        compiled = self._on(connection)
        if not persons:
            return Compiled(f"{compiled.sql} {_or_add(connection)}", compiled.parameters)
        users, quote = get_user_model()._meta, connection.ops.quote_name
        hold, uuid = (" FOR KEY SHARE", "::uuid") if connection.vendor == "postgresql" else ("", "")
        pk = quote(users.pk.column)
        person = f"SELECT {pk} AS id FROM {quote(users.db_table)} WHERE {pk} = %s{hold}"  # noqa: S608 - names of the model's
        is_there = "CASE WHEN EXISTS (SELECT 1 FROM person) THEN %s{cast} ELSE {nothing} END"
        text, bucket = is_there.format(cast="", nothing="''"), is_there.format(cast=uuid, nothing="NULL")
        instead = dict.fromkeys(persons, "(SELECT id FROM person)")
        instead |= {"address": text, "reference": text, "changes": text, "bucket": bucket}
        head = compiled.sql.partition(" VALUES ")[0]
        row = ", ".join(instead.get(name, "%s") for name, _ in compiled.parameters)
        looked_up = [each for each in compiled.parameters if each[0] == persons[0]]
        others = [each for each in compiled.parameters if each[0] not in persons]
        text = f"WITH person AS ({person}) {head} VALUES ({row}) {_or_add(connection)}"
        return Compiled(text, [*looked_up, *others])


def _or_add(connection: Any) -> str:
    """Return the ON CONFLICT clause that adds to the row of the same bucket and shows the latest values."""
    if not _can_add(connection):
        return ""
    quote = connection.ops.quote_name
    table = quote(AuditEvent._meta.db_table)
    latest = [f"{quote(name)} = excluded.{quote(name)}" for name in _LATEST_COLUMNS]
    name = quote("event_count")
    count = f"{name} = {table}.{name} + excluded.{name}"
    return f"ON CONFLICT ({quote('bucket')}) DO UPDATE SET {', '.join([count, *latest])}"


def _can_add(connection: Any) -> bool:
    return bool(connection.features.supports_update_conflicts_with_target)


# These columns show the latest event of a bucket. All but the first two are equal throughout most buckets.
_LATEST_COLUMNS = ("last_at", "reference", "address", "reason", "grant_id", "scope", "changes")


def _lock_users(ids: Iterable[Any], alias: str) -> tuple[set[Any], set[Any]]:
    """
    Keep users from being deleted until the transaction ends.

    Users locked by another transaction are not waited for: a deletion of many users could wait for this one, and
    deadlock.

    Returns:
        the ids of the users who exist and are now locked, and of those whom another transaction holds.
    """
    connection, users = connections[alias], _users(alias)
    # Query.sql_with_params() would compile for the default database.
    text, parameters = users.filter(pk__in=ids).values_list("pk").query.get_compiler(alias).as_sql()
    if connection.vendor == "postgresql":
        text += " FOR KEY SHARE SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        to_python = get_user_model()._meta.pk.to_python
        there = {to_python(pk) for (pk,) in cursor.fetchall()}
    absent = set(ids) - there
    held = set(users.filter(pk__in=absent).values_list("pk", flat=True)) if absent else set()
    return there, held


def _users(alias: str) -> "models.QuerySet[Any]":
    # The model's own manager may leave some users out.
    users: models.QuerySet[Any] = models.QuerySet(get_user_model())
    return users.using(alias).order_by()


_insert = _Insert()
