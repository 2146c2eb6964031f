"""AuditEvent: what happened, to whom, through which client and from where; kept for a set time."""

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
from django.utils.translation import gettext_lazy as _

from ..compiled import driver
from ..compiled.statement import Compiled, Write, insert
from ..database import PrimaryManager
from .client import LONGEST_CLIENT_ID

LONGEST_CHANGES = 2_000
MOST_FORGOTTEN = 10_000  # rows that the deletion of a user waits for

_MOST_PARAMETERS = 32_767  # of a statement, where the database names no limit
# What no database takes in a text, or not every one: NUL, and halves of characters.
_ODD = re.compile("[\0\ud800-\udfff]")


class Event(models.TextChoices):
    """What can happen, by the names of signals.py."""

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
    """How it ended for whoever asked."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")


class Entry(NamedTuple):
    """The columns of one row, but its key; None for a user and "" for what is not known."""

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
        """The same as its columns can hold it, and the names of those that had to be changed for it."""
        changed: dict[str, Any] = {}
        for name, length in _lengths().items():
            text = getattr(self, name)
            if not isinstance(text, str):
                changed[name] = ("" if text is None else str(text))[:length]
            elif len(text) > length or _ODD.search(text):
                changed[name] = _ODD.sub("\ufffd", text)[:length]
        for name in _PERSONS:
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
        """The users whom it names."""
        return {self.user_id, self.actor_id} - {None}

    def without(self, gone: Collection[Any]) -> "Entry":
        """The fact alone, without those of its users who are gone; from where is whoever acted."""
        left: dict[str, Any] = {name: None for name in _PERSONS if getattr(self, name) in gone}
        if self.user_id in gone:
            left["changes"] = ""
        if (self.user_id if self.actor_id is None else self.actor_id) in gone:
            left |= {"address": "", "reference": ""}
        # The bucket is made of them: whoever tries all users would find the one that it fits.
        return self._replace(**left, bucket=None) if left else self


_PERSONS = ("user_id", "actor_id")


class Kind(NamedTuple):
    """Rows that are alike in some columns, and how many of them are asked for."""

    conditions: Mapping[str, Any]
    most: int


@cache
def _lengths() -> dict[str, int]:
    texts = [field for field in AuditEvent._meta.concrete_fields if isinstance(field, models.CharField)]
    return {field.attname: field.max_length or 0 for field in texts}


class AuditEventManager(PrimaryManager["AuditEvent"]):
    """Reads and writes of the audit trail."""

    def add(self, entry: Entry) -> list[Entry]:
        """
        Write one row, at once; without its person if that user is being deleted or gone.

        Returns:
            the entry, if it must wait as with add_all().
        """
        if len(entry.persons()) == 2 or not _can_add(connections[self.db]):
            return self.add_all([entry])  # to hold one while waiting for the other could end crosswise
        _insert.run(**entry._asdict())
        return []

    def add_all(self, entries: Sequence[Entry]) -> list[Entry]:
        """
        Write many rows, all or none, in as few statements as the database allows; without persons who are gone.

        An entry of a bucket that has a row adds to it. No two entries may be of one bucket.

        Returns:
            those that must wait: somebody holds their users' rows, to delete them perhaps.
        """
        if not _can_add(connections[self.db]):
            entries = [entry._replace(bucket=None) for entry in entries]
        with transaction.atomic(using=self.db):
            ids = set().union(*(entry.persons() for entry in entries))
            there, held = _hold_users(ids, self.db) if ids else (set(), set())
            gone = ids - there
            rows = [each.without(gone) if gone else each for each in entries if not held & each.persons()]
            if rows:
                _insert.run_all(rows)
        return [each for each in entries if held & each.persons()]

    def latest_of(self, kinds: Sequence["Kind"]) -> "models.query.RawQuerySet[AuditEvent]":
        """
        The latest rows of each of several kinds, at least one; the latest first, in one statement.

        It reads no other rows, however many there are, if an index has the columns of each kind, and then `at`.
        """
        text, parameters = self._latest_of(kinds, [field.attname for field in AuditEvent._meta.concrete_fields])
        return self.raw(text, parameters, using=self.db)

    def latest_keys_of(self, kinds: Sequence["Kind"], *, most: int) -> set[int]:
        """The keys of what latest_of() finds, but of no more than the latest of all kinds together."""
        text, parameters = self._latest_of(kinds, ["id", "at"])
        with connections[self.db].cursor() as cursor:
            cursor.execute(f"{text} LIMIT {most:d}", parameters)
            return {pk for pk, _ in cursor.fetchall()}

    def _latest_of(self, kinds: Sequence["Kind"], names: Sequence[str]) -> tuple[str, list[Any]]:
        texts, parameters = list[str](), list[Any]()
        for number, kind in enumerate(kinds):
            rows = self.filter(**kind.conditions).order_by("-at", "-pk").values_list(*names)[: kind.most]
            text, values = rows.query.get_compiler(self.db).as_sql()
            texts.append(f"SELECT * FROM ({text}) AS kind_{number}")  # noqa: S608 - the compiler's
            parameters += values
        # As the compiler named what each kind selects.
        at, pk = map(connections[self.db].ops.quote_name, ("at", "id"))
        return f"{' UNION ALL '.join(texts)} ORDER BY {at} DESC, {pk} DESC", parameters

    def forget(self, user_id: Any, *, most: int = MOST_FORGOTTEN) -> int:
        """
        Take a person out of the events of a user: what happened stays.

        Returns:
            of how many events, up to the most that were asked for.
        """
        return self._forget(models.Q(user_id=user_id), models.Q(actor_id=user_id), most)

    def forget_the_deleted(self, *, most: int = MOST_FORGOTTEN) -> int:
        """
        Take persons out who were deleted past Django, as by a cascade of the database's own; it looks at every row.

        Returns:
            of how many events, up to the most that were asked for.
        """

        def gone(name: str) -> models.Q:
            users = _users(self.db).filter(pk=models.OuterRef(name))
            return models.Q(~models.Exists(users), **{f"{name}__isnull": False})

        return self._forget(gone("user_id"), gone("actor_id"), most)

    def _forget(self, user: models.Q, actor: models.Q, most: int) -> int:
        # From where is whoever acted: the user, unless it was staff.
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
    One event. Ids and words only: nothing in it opens anything.

    Its user is whom it concerns, and acted too, unless `by` says that it was staff (the actor) or a command.

    Users are references without a constraint, and the client is a text: rows are written a moment after what they tell of, and
    none of them may fail because somebody was deleted meanwhile. They outlive both: without their client nothing is missing in
    them, without their user it is the person, and from where.
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
    client_id = models.CharField(_("client ID"), max_length=LONGEST_CLIENT_ID, blank=True)
    grant_id = models.UUIDField(_("connection"), null=True)
    scope = models.CharField(_("scope"), max_length=1000, blank=True)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    purge_at = models.DateTimeField(db_index=True, editable=False)
    # Servers of the version before write rows without the columns from here on, until the last of them is replaced.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("by whom"),
    )
    by = models.CharField(_("by"), max_length=60, blank=True, db_default="")
    changes = models.CharField(_("changes"), max_length=LONGEST_CHANGES, blank=True, db_default="")
    event_count = models.PositiveIntegerField(_("times"), db_default=1)
    last_at = models.DateTimeField(_("last"), null=True)
    bucket = models.UUIDField(null=True, unique=True, editable=False)

    objects = AuditEventManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("audit event")
        verbose_name_plural = _("audit trail")
        indexes = [
            # Whoever asks for all events of a user asks for those of each kind, and takes the latest of them all.
            models.Index(fields=["user", "event", "at"], name="oauth_service_audit_of_user"),
            models.Index(fields=["client_id", "event", "at"], name="oauth_service_audit_of_client"),
            models.Index(fields=["event", "at"], name="oauth_service_audit_event"),
            models.Index(fields=["reference", "at"], name="oauth_service_audit_reference"),
            models.Index(
                fields=["actor", "at"], name="oauth_service_audit_actor", condition=models.Q(actor__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} · {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def latest_at(self) -> datetime:
        """When what the row counts happened last."""
        return self.last_at or self.at


class _Insert(Write):
    """The compiled INSERT of one row, for one or for many."""

    def __init__(self) -> None:
        super().__init__(lambda: AuditEvent, lambda: insert(AuditEvent))
        self._of_somebody: dict[tuple[str, ...], Compiled] = {}

    def run(self, **values: Any) -> int:
        """Write one row; of a user who is gone, or goes at this moment, without the person."""
        persons = [name for name in _PERSONS if values[name] is not None]
        connection = self._connection()
        key = connection.alias, *persons
        try:
            compiled = self._of_somebody[key]
        except KeyError:
            compiled = self._of_somebody.setdefault(key, self._compile_of_somebody(connection, persons))
        return driver.write(connection, compiled.sql, compiled.bind(values))

    def run_all(self, entries: Sequence[Entry]) -> None:
        """Write the rows as they are, or add to those of their buckets."""
        connection = self._connection()
        compiled = self._on(connection)
        head, _, row = compiled.sql.partition(" VALUES ")
        with transaction.atomic(using=connection.alias, savepoint=False), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # Two writers that have the same buckets in another order would wait for each other.
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [AuditEvent._meta.db_table])
                # One parameter instead of thousands, which its driver takes four times as long to write down.
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

    def _compile_of_somebody(self, connection: Any, persons: Sequence[str]) -> Compiled:
        """
        The INSERT of one row whose user is looked up in it, and on PostgreSQL held; its user and its actor are the same if it
        has both.

        So a deletion either finds the row, or has left no user to put into it.
        """
        compiled = self._on(connection)
        if not persons:
            return compiled._replace(sql=f"{compiled.sql} {_or_add(connection)}")
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
    """What an INSERT does where its bucket has a row: count, and show the latest."""
    if not _can_add(connection):
        return ""
    quote = connection.ops.quote_name
    table = quote(AuditEvent._meta.db_table)
    latest = [f"{quote(name)} = excluded.{quote(name)}" for name in _OF_THE_LATEST]
    name = quote("event_count")
    count = f"{name} = {table}.{name} + excluded.{name}"
    return f"ON CONFLICT ({quote('bucket')}) DO UPDATE SET {', '.join([count, *latest])}"


def _can_add(connection: Any) -> bool:
    return bool(connection.features.supports_update_conflicts_with_target)


# The same for all of a bucket, but in the bucket of those that differ.
_OF_THE_LATEST = ("last_at", "reference", "address", "reason", "grant_id", "scope", "changes")


def _hold_users(ids: Iterable[Any], alias: str) -> tuple[set[Any], set[Any]]:
    """
    Keep users from being deleted until the transaction ends.

    Whoever is held by somebody else already is not waited for: a deletion of many users would wait for us, crosswise.

    Returns:
        the ids of users who are there, and of those whom somebody else holds.
    """
    connection, users = connections[alias], _users(alias)
    # Not by Query.sql_with_params(), which writes for the default database.
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
    # Not by the manager of the model, which may leave some out.
    users: models.QuerySet[Any] = models.QuerySet(get_user_model())
    return users.using(alias).order_by()


_insert = _Insert()
