"""Connections of browser sessions to the authorization server, and the tokens they hold."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q

from prescription_manager_app.models.patient import Patient
from prescription_manager_app.sealing import seal, unseal

SWEPT_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """
    Tokens from the token endpoint.

    Attributes:
        refresh_token: "" if the server gave none.
        expires_at: when the access token ends, aware; None if the server did not say.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None

    def to_json(self) -> str:
        """Both tokens, for sealing; expires_at has a column of its own."""
        return json.dumps([self.access_token, self.refresh_token])


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Writes that two tabs may race for are conditional UPDATEs; their row counts decide who won."""

    def open(self, patient: Patient, tokens: Tokens, *, visitor: uuid.UUID, now: datetime) -> "Connection":
        """Store a new connection, and delete some that no session can reach any more."""
        old = self.filter(purge_at__lt=now).values("pk")[:SWEPT_AT_ONCE]
        self.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
        pk = uuid.uuid4()
        return self.create(
            pk=pk,
            patient=patient,
            visitor=visitor,
            opened_at=now,
            sealed_tokens=seal(tokens.to_json(), owner=str(pk)),
            expires_at=tokens.expires_at,
            purge_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
        )

    def known_as(self, pk: str | None) -> "ConnectionQuerySet":
        """The connection with this primary key, from the session; or none."""
        return self.none() if pk is None else self.select_related("patient").filter(pk=pk)

    def of_visitor(self, visitor: uuid.UUID | None) -> "ConnectionQuerySet":
        """Connections of a browser, newest first: the newest is kept."""
        return self.none() if visitor is None else self.filter(visitor=visitor).order_by("-opened_at", "-pk")

    def close(self) -> "Connection | None":
        """
        Delete a connection and return it as it was at that moment, so that its last tokens can be revoked.

        None if there is none, or if another request deleted it: only the request that deletes it revokes its tokens.
        """
        with transaction.atomic():
            connection = self.select_for_update(of=("self",)).first()
            if connection is None:
                return None
            deleted, _ = Connection.objects.filter(pk=connection.pk).delete()
        return connection if deleted else None

    def claim_renewal(self, connection: "Connection", *, until: datetime, now: datetime) -> bool:
        """Let one request renew the tokens of this version; False if another renews them or has renewed them."""
        free = Q(renewing_until=None) | Q(renewing_until__lt=now)
        return self.filter(free, pk=connection.pk, version=connection.version).update(renewing_until=until) == 1

    def store_renewal(self, connection: "Connection", tokens: Tokens) -> bool:
        """Replace the tokens of this version; False if they were replaced already."""
        return (
            self.filter(pk=connection.pk, version=connection.version).update(
                sealed_tokens=seal(tokens.to_json(), owner=str(connection.pk)),
                expires_at=tokens.expires_at,
                version=connection.version + 1,
                renewing_until=None,
            )
            == 1
        )

    def claim_trial(self, connection: "Connection", *, until: datetime, now: datetime) -> bool:
        """Let one experiment at a time use a connection; False if another is using it."""
        free = Q(tried_until=None) | Q(tried_until__lt=now)
        return self.filter(free, pk=connection.pk).update(tried_until=until) == 1

    def end_trial(self, connection: "Connection") -> None:
        """Let the next experiment begin."""
        self.filter(pk=connection.pk).update(tried_until=None)

    def give_up_renewal(self, connection: "Connection") -> None:
        """Let another request try, because the server did not answer this one."""
        self.filter(pk=connection.pk, version=connection.version).update(renewing_until=None)


class Connection(models.Model):
    """
    A connected browser session.

    The session holds only the primary key, an unguessable UUID. The tokens are encrypted and bound to it.

    Attributes:
        visitor: the browser that has it; a browser keeps only its newest connection.
        version: counts renewals, so that a stale write is recognised.
        renewing_until: until then, one request renews the tokens and the others wait for it.
        tried_until: until then, an experiment uses the connection and others wait for it.
        purge_at: when the session that holds the key has certainly ended.
    """

    id = models.UUIDField(primary_key=True)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="connections")
    visitor = models.UUIDField(null=True, db_index=True)
    opened_at = models.DateTimeField(null=True)
    sealed_tokens = models.BinaryField()
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    renewing_until = models.DateTimeField(null=True)
    tried_until = models.DateTimeField(null=True)
    purge_at = models.DateTimeField(db_index=True)

    objects = ConnectionQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def tokens(self) -> Tokens:
        """
        The tokens in plain text, for one request to the server.

        Raises:
            sealing.UnreadableError: the row was altered, or the key that sealed it is gone.
        """
        access_token, refresh_token = json.loads(unseal(self.sealed_tokens, owner=str(self.pk)))
        return Tokens(access_token=access_token, refresh_token=refresh_token, expires_at=self.expires_at)

    def is_expired(self, *, now: datetime, leeway: timedelta = timedelta(seconds=30)) -> bool:
        """Return whether the access token has expired, or will while a request is under way."""
        return self.expires_at is not None and self.expires_at - leeway <= now

    def reread(self) -> "Connection | None":
        """The row as it is now; None if the connection has ended."""
        return Connection.objects.select_related("patient").filter(pk=self.pk).first()
