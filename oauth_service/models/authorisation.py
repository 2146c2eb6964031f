"""What a pending code and a grant have in common: a user's authorisation of a client, sealed by a secret of its own."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..protocol.sealed import SECRET_BYTES
from . import client as clients
from .client import ClientRow
from .consent import Consent
from .statement import Given, Select


def new_secret() -> bytes:
    """The random half of the key that seals what is made from a row."""
    return secrets.token_bytes(SECRET_BYTES)


class Authorisation(models.Model):
    """
    A user's authorisation of a client.

    Its consent is a reference without a constraint in the database: an exchange and a withdrawal that cross each other
    neither wait nor deadlock, as a row without its consent is void by itself (see ConsentManager.withdraw).
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


@dataclass(frozen=True, slots=True, repr=False)
class Facts:
    """
    A pending code or a grant with its consent, user and client, as one statement reads them.

    generation and refreshed_at are a grant's; token_is_revoked tells of the access token that was asked about.
    """

    pk: uuid.UUID
    consent_id: uuid.UUID
    user_id: Any
    secret: bytes
    scope: str
    redirect_uri: str
    code_challenge: str
    expires_at: datetime
    generation: int
    refreshed_at: datetime
    token_is_revoked: bool
    client: ClientRow
    _user: tuple[Any, ...]

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "Facts":
        """The facts in these columns, in the order of facts()."""
        own, client, user = columns[: len(_OWN)], columns[len(_OWN) : _CLIENT_ENDS], columns[_CLIENT_ENDS:]
        values: Any = (*own[:3], bytes(own[3]), *own[4:], ClientRow.of(client), user)
        return cls(*values)

    @property
    def client_pk(self) -> int:
        """The client's primary key."""
        return self.client.pk

    @property
    def client_is_active(self) -> bool:
        """Whether the client may still act."""
        return self.client.is_active

    @property
    def user(self) -> AbstractBaseUser:
        """The user, made anew each time."""
        names = [field.attname for field in _user_fields()]
        return cast("AbstractBaseUser", get_user_model().from_db(Consent.objects.db, names, self._user))

    @property
    def user_is_active(self) -> bool:
        """Whether the user may still act."""
        at = _where_is_active()
        return bool(self.user.is_active if at is None else self._user[at])

    def __repr__(self) -> str:
        return f"Facts({self.pk})"


_OWN = (
    "pk",
    "consent_id",
    "consent__user_id",
    "secret",
    "scope",
    "redirect_uri",
    "code_challenge",
    "expires_at",
    "generation",
    "refreshed_at",
    "revoked",
)
_CLIENT_ENDS = len(_OWN) + len(clients.COLUMNS)


def facts(model: Callable[[], type[Authorisation]], **annotations: Any) -> Select[Facts]:
    """
    The statement that reads the facts of a code or a grant by its id, joined with consent, user and client: without its
    consent it is not found.

    Args:
        annotations: an expression for each of _OWN that the model has no column for.
    """

    def rows() -> "models.QuerySet[Any, Any]":
        found = model()._default_manager.filter(pk=Given("pk", models.UUIDField())).annotate(**annotations)
        of_client = [f"consent__client__{name}" for name in clients.COLUMNS]
        return found.values_list(*_OWN, *of_client, *[f"consent__user__{field.name}" for field in _user_fields()])

    return Select(model, rows, Facts.of)


@cache
def _user_fields() -> "list[models.Field[Any, Any]]":
    return list(get_user_model()._meta.concrete_fields)


@cache
def _where_is_active() -> int | None:
    """The user model's column of that name; None where it is computed."""
    names = [field.attname for field in _user_fields()]
    return names.index("is_active") if "is_active" in names else None


def purge_time(expires_at: datetime) -> datetime:
    """
    When a row that expires then may be swept: the start of the next day (UTC).

    In whole days, so that refreshing a grant seldom touches the index on purge_at.
    """
    return (expires_at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
