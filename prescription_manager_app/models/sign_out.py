"""Logouts, kept briefly so that a second click can show how the first one ended."""

import uuid
from datetime import datetime, timedelta

from django.db import models, transaction

from prescription_manager_app.models.connection import Connection

KEPT_FOR = timedelta(minutes=5)
SWEPT_AT_ONCE = 100


class SignOutQuerySet(models.QuerySet["SignOut"]):
    """Only the request whose DELETE found the row ends the connection."""

    def begin(self, connection: Connection, *, now: datetime) -> Connection | None:
        """End a connection and return it, so that its tokens can be revoked; None if another request has ended it."""
        with transaction.atomic():
            ended = Connection.objects.filter(pk=connection.pk).close()
            if ended is None:
                return None
            self.create(pk=ended.pk, purge_at=now + KEPT_FOR)
        dead = self.filter(purge_at__lt=now).values_list("pk", flat=True)
        self.filter(pk__in=list(dead[:SWEPT_AT_ONCE])).delete()
        return ended

    def finish(self, connection: Connection, *, confirmed: bool) -> None:
        """Record whether the server confirmed the revocation, for the requests that came second."""
        self.filter(pk=connection.pk).update(confirmed=confirmed)

    def of(self, connection_id: str) -> "SignOut | None":
        """The logout that ended a connection; None if it ended in another way."""
        return self.filter(pk=uuid.UUID(connection_id)).first()


class SignOut(models.Model):
    """
    A logout.

    Attributes:
        connection: primary key of the connection that it ended.
        confirmed: True if the server confirmed the revocation; None until it has answered.
    """

    connection = models.UUIDField(primary_key=True)
    confirmed = models.BooleanField(null=True)
    purge_at = models.DateTimeField(db_index=True)

    objects = SignOutQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.connection)

    def reread(self) -> "SignOut | None":
        """The row as it is now; None if it was deleted."""
        return SignOut.objects.filter(pk=self.pk).first()
