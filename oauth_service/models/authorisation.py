"""What a pending code and a grant have in common: a user's authorisation of a client, sealed by a secret of its own."""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..protocol.sealed import SECRET_BYTES
from .consent import Consent


def new_secret() -> bytes:
    """The random half of the key that seals what is made from a row."""
    return secrets.token_bytes(SECRET_BYTES)


class Authorisation(models.Model):
    """
    A user's authorisation of a client.

    Its consent is a reference without a constraint in the database: an exchange and a withdrawal that cross each other
    neither wait nor deadlock, as a row without its consent is void by itself (see ConsentQuerySet.withdraw).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consent = models.ForeignKey(Consent, models.CASCADE, db_constraint=False, related_name="%(class)ss")
    secret = models.BinaryField(max_length=SECRET_BYTES, default=new_secret, editable=False)
    scope = models.CharField(_("scope"), max_length=1000)
    redirect_uri = models.CharField(max_length=2000, blank=True, editable=False)
    code_challenge = models.CharField(max_length=43, blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    purge_at = models.DateTimeField(db_index=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def client_pk(self) -> int:
        """The client's primary key."""
        return self.consent.client_id

    @property
    def user_id(self) -> Any:
        """The user's primary key, of whatever type the host project gave it."""
        return self.consent.user_id

    @property
    def user_is_active(self) -> bool:
        """Whether the user may still act."""
        return self.consent.user.is_active

    @property
    def client_is_active(self) -> bool:
        """Whether the client may still act."""
        return self.consent.client.is_active


def purge_time(expires_at: datetime) -> datetime:
    """
    When a row that expires then may be swept: the start of the next day (UTC).

    In whole days, so that refreshing a grant seldom touches the index on purge_at.
    """
    return (expires_at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
