"""Pending authorization requests of browsers, each good for one response."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import models

from prescription_manager_app.sealing import seal, unseal

ANSWERED_WITHIN = timedelta(hours=1)
KEPT_PER_VISITOR = 8  # one for each tab in which Alice clicked Connect
SWEPT_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A started authorization request: the state that its response must carry, and the PKCE verifier for its code."""

    state: str = field(repr=False)
    code_verifier: str = field(repr=False)


class AuthorizationQuerySet(models.QuerySet["Authorization"]):
    """The response may arrive several times at once; one conditional UPDATE decides which request uses it."""

    def begin(self, visitor: uuid.UUID, *, now: datetime) -> Departure:
        """Store a new request of a browser, and delete some expired ones."""
        departure = Departure(state=secrets.token_urlsafe(32), code_verifier=secrets.token_urlsafe(64))
        pk = digest_of(departure.state)
        self.create(
            pk=pk,
            visitor=visitor,
            sealed_verifier=seal(departure.code_verifier, owner=pk),
            begun_at=now,
            purge_at=now + ANSWERED_WITHIN,
        )
        surplus = self.filter(visitor=visitor).order_by("-begun_at", "pk").values_list("pk", flat=True)
        self.filter(pk__in=list(surplus[KEPT_PER_VISITOR : KEPT_PER_VISITOR + SWEPT_AT_ONCE])).delete()
        dead = self.filter(purge_at__lt=now).values_list("pk", flat=True)
        self.filter(pk__in=list(dead[:SWEPT_AT_ONCE])).delete()
        return departure

    def known_as(self, state: str, *, visitor: uuid.UUID | None, now: datetime) -> "Authorization | None":
        """The request with this state, if this browser began it within the last hour."""
        if visitor is None:
            return None
        return self.filter(pk=digest_of(state), visitor=visitor, begun_at__gt=now - ANSWERED_WITHIN).first()

    def take(self, authorization: "Authorization", *, answer: str, now: datetime) -> bool:
        """Let one request use the response; False if another was first, with this response or another."""
        free = self.filter(pk=authorization.pk, taken_at=None)
        return free.update(taken_at=now, answer_digest=digest_of(answer)) == 1

    def finish(self, authorization: "Authorization", *, outcome: str, connection: uuid.UUID | None = None) -> None:
        """Record how the first request ended, for the requests that came second."""
        self.filter(pk=authorization.pk).update(outcome=outcome, connection=connection)


class Authorization(models.Model):
    """
    An authorization request and the outcome of its response.

    Attributes:
        state_digest: SHA-256 of the state, in hexadecimal.
        visitor: the browser that began it; see sessions.visitor().
        sealed_verifier: PKCE's code_verifier.
        taken_at: when a request began to use the response; None until then.
        answer_digest: SHA-256 of the response's query. A repetition with the same one sees the same outcome.
        outcome: CONNECTED, or the slug of an outcome; "" until it is known.
        connection: the connection that resulted.
    """

    CONNECTED = "connected"

    state_digest = models.CharField(max_length=64, primary_key=True)
    visitor = models.UUIDField(db_index=True)
    sealed_verifier = models.BinaryField()
    begun_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    answer_digest = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=40, blank=True)
    connection = models.UUIDField(null=True)
    purge_at = models.DateTimeField(db_index=True)

    objects = AuthorizationQuerySet.as_manager()

    def __str__(self) -> str:
        return self.state_digest

    @property
    def code_verifier(self) -> str:
        """
        The code_verifier in plain text.

        Raises:
            sealing.UnreadableError: the key that sealed it is gone.
        """
        return unseal(self.sealed_verifier, owner=self.state_digest)

    def reread(self) -> "Authorization | None":
        """The row as it is now; None if it was deleted."""
        return Authorization.objects.filter(pk=self.pk).first()


def digest_of(text: str) -> str:
    """SHA-256 of the text, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
