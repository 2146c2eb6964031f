"""DeviceCode: a device's request that waits for a user (RFC 8628); deleted when it is redeemed."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..compiled.statement import Placeholder, ReplaceRow, Select, Write, delete, insert, placeholders, update
from ..database import PrimaryManager
from ..protocol.device_code import Pace
from ..protocol.sealed import SECRET_BYTES
from . import user as users
from .authorisation import AuthorisationRow, new_secret
from .client import COLUMNS, Client, ClientRow
from .consent import Consent
from .grant import Grant, columns_of_new
from .secret_columns import SecretBinaryField

if TYPE_CHECKING:
    from django.db.models.sql import Query

# During this time after it expired a device is told that its code has expired; afterwards that it is unknown.
KEPT_AFTER_THE_END = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, repr=False)
class DeviceCodeRow:
    """
    A device code with its client and, after approval, its consent and user, as one statement reads them.

    user_id is None before approval, and if the consent was withdrawn since.
    """

    pk: UUID
    secret: bytes
    scope: str
    expires_at: datetime
    interval: int
    next_poll_at: datetime
    denied_at: datetime | None
    consent_id: UUID | None
    user_id: Any
    openid: str
    sign_in_id: UUID | None
    sign_in_ended_at: datetime | None
    consent_ends_at: datetime | None
    resources: str
    client: ClientRow
    user_is_active: bool

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "DeviceCodeRow":
        """Make a row from columns: OWN, the client's, the user's."""
        own = list(columns[: len(OWN)])
        own[1] = bytes(own[1])
        client, user = columns[len(OWN) : len(OWN) + len(COLUMNS)], columns[len(OWN) + len(COLUMNS) :]
        user_id = own[OWN.index("consent__user_id")]
        is_active = user_id is not None and users.is_active(user_id, user)
        values: Any = (*own, ClientRow.of(client), is_active)
        return cls(*values)

    @property
    def client_pk(self) -> Any:
        return self.client.pk

    @property
    def client_is_active(self) -> bool:
        """True if the client may still act."""
        return self.client.is_active

    def authorisation(self, *, now: datetime) -> AuthorisationRow:
        """
        Return an authorisation, to make tokens from and to replace the device code by a grant.

        Raises:
            ValueError: no user approved it.
        """
        if self.consent_id is None:
            raise ValueError("a device code without a consent is not an authorisation")
        return AuthorisationRow(
            pk=self.pk,
            consent_id=self.consent_id,
            user_id=self.user_id,
            secret=self.secret,
            scope=self.scope,
            redirect_uri="",
            code_challenge="",
            resources=self.resources,
            expires_at=self.expires_at,
            generation=0,
            created_at=now,
            refreshed_at=now,
            openid=self.openid,
            sign_in_id=self.sign_in_id,
            sign_in_ended_at=self.sign_in_ended_at,
            consent_ends_at=self.consent_ends_at,
            client=self.client,
            user_is_active=self.user_is_active,
        )

    def __repr__(self) -> str:
        return f"DeviceCodeRow({self.pk})"


class DeviceCodeManager(PrimaryManager["DeviceCode"]):
    def row(self, code_id: UUID) -> DeviceCodeRow | None:
        """Return a device code with the facts that a poll needs, in one statement; None if there is none."""
        return _row.one(pk=code_id)

    def give(
        self,
        *,
        client_pk: int,
        user_code_digest: str,
        scope: str,
        resources: str,
        address: str,
        interval: timedelta,
        now: datetime,
        lifetime: timedelta,
    ) -> tuple[UUID, bytes]:
        """
        Store a device code that waits for a user.

        Args:
            resources: requested identifiers, separated by spaces; "" if the request named none.
            address: the device's IP address, shown to the user.

        Returns:
            the code's id, and the secret that seals it.

        Raises:
            IntegrityError: another device code has this user code; a surrounding transaction stays usable.
        """
        code_id, secret = uuid.uuid4(), new_secret()
        written = _insert.run(
            id=code_id,
            client_id=client_pk,
            consent_id=None,
            secret=secret,
            user_code_digest=user_code_digest,
            scope=scope,
            resources=resources,
            address=address,
            interval=int(interval.total_seconds()),
            openid="",
            sign_in_id=None,
            requested_at=now,
            next_poll_at=now,
            denied_at=None,
            expires_at=now + lifetime,
            purge_at=now + lifetime + KEPT_AFTER_THE_END,
        )
        if written != 1:
            raise IntegrityError("another device has this user code")
        return code_id, secret

    def waiting(self, digests: Iterable[str], *, now: datetime) -> "DeviceCode | None":
        """
        Return the undecided device code, with its client, whose user code has one of these digests; None if there is
        none.
        """
        undecided = self.undecided(now=now).filter(user_code_digest__in=list(digests), client__is_active=True)
        return undecided.select_related("client__registration").defer("secret").first()

    def undecided(self, *, now: datetime) -> "models.QuerySet[DeviceCode]":
        """Return the unexpired device codes that no user has approved or denied yet."""
        return self.filter(consent=None, denied_at=None, expires_at__gt=now)

    def approve(
        self,
        code_id: UUID,
        *,
        consent_id: UUID,
        scope: str,
        resources: str,
        openid: str,
        sign_in_id: UUID | None,
        now: datetime,
    ) -> bool:
        """
        Give an undecided device code its consent; True for exactly one of all callers that decide about it.

        Args:
            scope: the scope that was shown and allowed.
            resources: identifiers, separated by spaces.
            openid: protocol.openid.Context as text; "" without OpenID Connect.
            sign_in_id: None without OpenID Connect.
        """
        waiting = self.undecided(now=now).filter(pk=code_id)
        given = {"scope": scope, "resources": resources, "openid": openid, "sign_in_id": sign_in_id}
        return waiting.update(consent_id=consent_id, **given) == 1

    def deny(self, code_id: UUID, *, now: datetime) -> bool:
        """Deny an undecided device code; True for exactly one of all callers that decide about it."""
        return self.undecided(now=now).filter(pk=code_id).update(denied_at=now) == 1

    def keep_pace(self, code: DeviceCodeRow, pace: Pace) -> None:
        """Store when the next poll may come. Of simultaneous polls, one stores it."""
        _pace.run(
            pk=code.pk,
            seen=code.next_poll_at,
            interval=int(pace.interval.total_seconds()),
            next_poll_at=pace.next_poll_at,
        )

    def redeem(self, code: AuthorisationRow, *, now: datetime, expires_at: datetime) -> bool:
        """
        Replace a device code by a grant, under the same primary key; True for exactly one of all callers that try.

        The grant keeps the secret, so that a replay of the device code finds the grant and can be told from a guess.
        """
        columns = columns_of_new(code, now=now, expires_at=expires_at)
        return _redeem.run(pk=code.pk, approved_consent_id=code.consent_id, **columns)


class DeviceCode(models.Model):
    """
    A device that waits for a user. It is undecided while consent and denied_at are both None.

    The references have no constraint in the database, as those of a code: a row without its client is void by itself,
    and so is an approved row without its consent. user_code_digest is keyed. interval is in seconds.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(
        Client,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="devicecodes",
        verbose_name=_("client"),
    )
    consent = models.ForeignKey(
        Consent,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="devicecodes",
    )
    secret = SecretBinaryField(max_length=SECRET_BYTES, default=new_secret, editable=False)
    user_code_digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(_("scope"), max_length=1000)
    # Identifiers of the requested APIs, separated by spaces; "" if the request named none (RFC 8707).
    resources = models.TextField(_("resources"), blank=True, default="", db_default="", editable=False)
    address = models.CharField(_("address"), max_length=45, blank=True)
    interval = models.PositiveIntegerField(default=5, editable=False)
    openid = models.TextField(blank=True, default="", editable=False)
    sign_in = models.ForeignKey(
        "oauth_service.SignIn",
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="devicecodes",
    )
    requested_at = models.DateTimeField(_("requested"))
    next_poll_at = models.DateTimeField(editable=False)
    denied_at = models.DateTimeField(_("denied"), null=True, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = DeviceCodeManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("waiting device")
        verbose_name_plural = _("waiting devices")

    def __str__(self) -> str:
        return f"{self.client} · {timezone.localtime(self.requested_at):%Y-%m-%d %H:%M:%S %Z}"


OWN = (
    "pk",
    "secret",
    "scope",
    "expires_at",
    "interval",
    "next_poll_at",
    "denied_at",
    "consent_id",
    "consent__user_id",
    "openid",
    "sign_in_id",
    "sign_in__ended_at",
    "consent__ends_at",
    "resources",
)


def _rows() -> "models.QuerySet[Any, Any]":
    found = DeviceCode.objects.filter(pk=Placeholder("pk", models.UUIDField()))
    of_client = [f"client__{name}" for name in COLUMNS]
    return found.values_list(*OWN, *of_client, *[f"consent__user__{name}" for name in users.columns_of_activity()])


def _update_pace() -> "Query":
    seen = Placeholder("seen", models.DateTimeField())
    rows = DeviceCode.objects.filter(pk=Placeholder("pk", models.UUIDField()), next_poll_at=seen)
    return update(rows, **placeholders(DeviceCode, "interval", "next_poll_at"))


def _delete_approved() -> "Query":
    approved = Placeholder("approved_consent_id", models.UUIDField())
    return delete(DeviceCode.objects.filter(pk=Placeholder("pk", models.UUIDField()), consent_id=approved))


_row = Select(lambda: DeviceCode, _rows, DeviceCodeRow.of)
# With an error instead, PostgreSQL would abort a surrounding transaction, and the caller could not try another user
# code.
_insert = Write(lambda: DeviceCode, lambda: insert(DeviceCode, ignore_conflicts=True))
_pace = Write(lambda: DeviceCode, _update_pace)
_redeem = ReplaceRow(lambda: Grant, delete=_delete_approved, insert=lambda: insert(Grant))
