"""The common base of pending codes and grants: a user's authorisation of a client, sealed by a secret of its own."""

import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import database
from ..compiled.statement import Placeholder, Select
from ..protocol.sealed import SECRET_BYTES
from ..values import value_class
from . import client as clients
from . import user as users
from .client import ClientRow
from .consent import Consent
from .secret_columns import SecretBinaryField


def new_secret() -> bytes:
    """Return the random half of the key that seals the tokens made from a row."""
    return secrets.token_bytes(SECRET_BYTES)


class Authorisation(models.Model):
    """
    A user's authorisation of a client.

    The consent is a reference without a constraint in the database. A row without its consent is void by itself (see
    ConsentManager.withdraw), so an exchange and a withdrawal at the same time neither wait nor deadlock. For the same
    reason the deletion of a user or client deletes consents and nothing further: Django would delete the codes and
    grants first, while a withdrawal deletes them last, and the two could deadlock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consent = models.ForeignKey(Consent, models.DO_NOTHING, db_constraint=False, related_name="%(class)ss")
    secret = SecretBinaryField(max_length=SECRET_BYTES, default=new_secret, editable=False)
    scope = models.CharField(_("scope"), max_length=1000)
    redirect_uri = models.CharField(max_length=2000, blank=True, editable=False)
    code_challenge = models.CharField(max_length=43, blank=True, editable=False)
    # Identifiers of the APIs that it is for, separated by spaces; "" if the request named none (RFC 8707).
    resources = models.TextField(_("resources"), blank=True, default="", db_default="", editable=False)
    # protocol.openid.Context as text; "" without OpenID Connect.
    openid = models.TextField(blank=True, default="", editable=False)
    sign_in = models.ForeignKey(
        "oauth_service.SignIn",
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="%(class)ss",
    )
    expires_at = models.DateTimeField(_("expires"))
    purge_at = models.DateTimeField(db_index=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


@value_class(repr=False)
class AuthorisationRow:
    """
    A pending code or a grant with its consent, user and client, as one statement reads them.

    generation, created_at and refreshed_at are meaningful for grants only.
    """

    pk: uuid.UUID
    consent_id: uuid.UUID
    user_id: Any
    secret: bytes
    scope: str
    redirect_uri: str
    code_challenge: str
    resources: str
    expires_at: datetime
    generation: int
    created_at: datetime
    refreshed_at: datetime
    openid: str
    sign_in_id: uuid.UUID | None
    sign_in_ended_at: datetime | None
    consent_ends_at: datetime | None
    client: ClientRow
    user_is_active: bool

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "AuthorisationRow":
        """Make a row from columns in the order of select_row()."""
        own, client, user = _split(columns)
        values: Any = (*own[:3], bytes(own[3]), *own[4:], client, users.is_active(own[2], user))
        return cls(*values)

    @property
    def client_pk(self) -> int:
        return int(self.client.pk)

    @property
    def client_is_active(self) -> bool:
        """True if the client may still act."""
        return self.client.is_active

    def __repr__(self) -> str:
        return f"AuthorisationRow({self.pk})"


OWN = (
    "pk",
    "consent_id",
    "consent__user_id",
    "secret",
    "scope",
    "redirect_uri",
    "code_challenge",
    "resources",
    "expires_at",
    "generation",
    "created_at",
    "refreshed_at",
    "openid",
    "sign_in_id",
    "sign_in__ended_at",
    "consent__ends_at",
)
OF_CLIENT = tuple(f"consent__client__{name}" for name in clients.COLUMNS)
_CLIENT_ENDS = len(OWN) + len(OF_CLIENT)


def select_row(model: Callable[[], type[Authorisation]], **annotations: Any) -> Select[AuthorisationRow]:
    """
    Return the statement that reads a code or grant by its id, joined with consent, user and client.

    A row without its consent is not found.

    Args:
        annotations: an expression for each of OWN that the model has no column for.
    """

    def rows() -> "models.QuerySet[Any, Any]":
        found = model()._default_manager.using(database.primary(model()))
        found = found.filter(pk=Placeholder("pk", models.UUIDField())).annotate(**annotations)
        of_user = [f"consent__user__{name}" for name in users.columns_of_activity()]
        return found.values_list(*OWN, *OF_CLIENT, *of_user)

    return Select(model, rows, AuthorisationRow.of)


def _split(columns: tuple[Any, ...]) -> tuple[tuple[Any, ...], ClientRow, tuple[Any, ...]]:
    return columns[: len(OWN)], ClientRow.of(columns[len(OWN) : _CLIENT_ENDS]), columns[_CLIENT_ENDS:]


def purge_time(expires_at: datetime) -> datetime:
    """
    Return when a row that expires then may be swept: the start of the next day (UTC).

    Whole days, so that refreshing a grant seldom touches the index on purge_at.
    """
    return (expires_at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
