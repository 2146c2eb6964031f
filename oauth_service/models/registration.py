"""Registration: what is kept of a client that has registered itself (RFC 7591, RFC 7592)."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections, models
from django.utils.translation import gettext_lazy as _

from ..database import PrimaryManager
from ..protocol import client_id_metadata_document, freshness
from ..protocol.registration import LONGEST_SOFTWARE_ID
from .client import Client
from .document import Document, key_of
from .initial_access_token import InitialAccessToken
from .secret_columns import SecretCharField
from .trusted_issuer import TrustedIssuer

FETCHED = {
    "logo_uri": Document.Kind.LOGO,
    "sector_identifier_uri": Document.Kind.SECTOR,
    "jwks_uri": Document.Kind.KEYS,
    "client_id": Document.Kind.CLIENT,
}
"""Columns of a client that lead to a document, which is kept as a row."""
RELEASED = timedelta(hours=1)
"""How long a document is kept that nobody names any more: its origin is not asked again at once."""


def fetched_for(client: Client) -> set[tuple[str, str]]:
    """The documents that a client names: column and URL."""
    return {(column, url) for column in FETCHED if "://" in (url := getattr(client, column))}


class RegistrationKind(models.TextChoices):
    """How a client has introduced itself."""

    REGISTERED = "registered", _("It has registered itself")
    DOCUMENT = "document", _("By a document at its client ID, which is a URL")


class IntroducedClient(NamedTuple):
    """A client whose client_id is a URL: the operator may have registered one, too, which no document describes."""

    pk: int
    is_active: bool
    is_document: bool
    is_current: bool


class RegistrationManager(PrimaryManager["Registration"]):
    """Reads and writes of registrations."""

    def of_client(self, client_id: str) -> "Registration | None":
        """A registration with its client, in one statement; None if the client has not registered itself."""
        own = self.filter(kind=RegistrationKind.REGISTERED, client__client_id=client_id)
        return own.select_related("client").first()

    def introduced(self, client_id: str, *, now: datetime) -> "IntroducedClient | None":
        """
        What is kept of a client whose client_id is a URL, in one statement; None if there is none.

        Whether it is current: it is as the copy of its document says that may be used now without asking for another.
        """
        copy = Document.objects.in_use(Document.Kind.CLIENT, client_id, now=now, stale=freshness.STALE)
        current = models.Exists(copy.filter(fetched_at=models.OuterRef("registration__document_fetched_at")))
        columns = ("pk", "is_active", "registration__kind", "is_current")
        found = Client.objects.filter(client_id=client_id).annotate(is_current=current).values_list(*columns)
        row = next(iter(found), None)
        return row and IntroducedClient(row[0], row[1], row[2] == RegistrationKind.DOCUMENT, row[3])

    def has_room(self, *, most: int) -> bool:
        """
        Tell whether another client may wait for somebody to connect it.

        Within the transaction that adds it: on PostgreSQL those that add one come one after the other, as on SQLite.
        """
        connection = connections[self.db]
        if connection.vendor == "postgresql" and connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self.model._meta.db_table])
        return self.filter(purge_at__isnull=False).order_by()[:most].count() < most

    def keep(self, client_pk: int, *, now: datetime | None = None) -> bool:
        """
        Let a client stay for good.

        Args:
            now: when somebody connected it; None if the operator has looked at it.

        Returns:
            whether it waited until now.
        """
        connected = {"connected_at": now} if now else {}
        return bool(self.filter(pk=client_pk, purge_at__isnull=False).update(purge_at=None, **connected))

    def release(self, documents: Iterable[tuple[str, str]], *, now: datetime) -> None:
        """
        Let documents go soon that clients named and no client or issuer names any more: they must not pile up.

        Args:
            documents: of fetched_for().
        """
        named = set(documents)
        if not named:
            return
        urls = {url for _column, url in named}
        used = {
            (column, url)
            for column in FETCHED
            for url in Client.objects.filter(**{f"{column}__in": urls}).values_list(column, flat=True)
        }
        used |= {("jwks_uri", url) for url in _of_issuers(urls)}
        keys = [key_of(FETCHED[column], url) for column, url in named - used]
        Document.objects.filter(pk__in=keys, purge_at__gt=now + RELEASED).update(purge_at=now + RELEASED)

    def operators_names(self) -> list[str]:
        """The names of the clients that have not registered themselves."""
        return list(Client.objects.filter(registration=None).order_by("pk").values_list("name", flat=True))


def _of_issuers(urls: Collection[str]) -> Iterable[str]:
    return TrustedIssuer.objects.filter(jwks_uri__in=urls).values_list("jwks_uri", flat=True)


class Registration(models.Model):
    """
    The registration of a client that has introduced itself; a client without one was registered by the operator.

    purge_at is None for a client that stays: somebody has connected it, the operator has saved it, or it came with an initial
    access token. translations is a JSON object of members with a language tag. address_digest sets those apart that came from
    another network, without saying from which.

    The client of a document (kind) has no registration access token. document_fetched_at is when the copy was fetched that the
    columns of the client were last taken from.
    """

    Kind = RegistrationKind

    client = models.OneToOneField(
        Client, models.CASCADE, primary_key=True, related_name="registration", verbose_name=_("client")
    )
    kind = models.CharField(
        _("kind"),
        max_length=10,
        choices=RegistrationKind.choices,
        default=RegistrationKind.REGISTERED,
        db_default=RegistrationKind.REGISTERED,
        editable=False,
    )
    token_digest = SecretCharField(max_length=64, editable=False)
    initial_access_token = models.ForeignKey(
        InitialAccessToken,
        models.SET_NULL,
        null=True,
        related_name="registrations",
        verbose_name=_("initial access token"),
        editable=False,
    )
    translations = models.TextField(blank=True, editable=False)
    software_id = models.CharField(_("software ID"), max_length=LONGEST_SOFTWARE_ID, blank=True, editable=False)
    software_version = models.CharField(
        _("software version"), max_length=LONGEST_SOFTWARE_ID, blank=True, editable=False
    )
    software_statement = models.TextField(blank=True, editable=False)
    address_digest = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    registered_at = models.DateTimeField(_("registered"), editable=False)
    connected_at = models.DateTimeField(_("first connected"), null=True, editable=False)
    purge_at = models.DateTimeField(null=True, db_index=True, editable=False)
    document_fetched_at = models.DateTimeField(_("document fetched"), null=True, editable=False)

    objects = RegistrationManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("registration")
        verbose_name_plural = _("registrations")

    def __str__(self) -> str:
        return str(self.client)

    @property
    def is_document(self) -> bool:
        """Whether the client is described by the document at its client_id, an https URL."""
        return self.kind == RegistrationKind.DOCUMENT

    @property
    def document_host(self) -> str:
        """The host of that URL, which alone is proven of such a client; "" of one that has registered itself."""
        return client_id_metadata_document.host_of(self.client.client_id) if self.is_document else ""

    @property
    def translated(self) -> dict[str, str]:
        """The members with a language tag."""
        found: Any = json.loads(self.translations or "{}")
        return dict(found)
