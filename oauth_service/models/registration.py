"""Registration: the record of a client that registered itself (RFC 7591, RFC 7592)."""

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
"""Columns of a client with a URL whose document is stored as a row."""
UNUSED_LIFETIME = timedelta(hours=1)
"""Time for which an unused document is kept, so that its origin is not asked again at once."""


def fetched_for(client: Client) -> set[tuple[str, str]]:
    """Return the documents that a client names, as pairs of column and URL."""
    return {(column, url) for column in FETCHED if "://" in (url := getattr(client, column))}


class RegistrationKind(models.TextChoices):
    """The way a client introduced itself."""

    REGISTERED = "registered", _("Registered by the client itself")
    DOCUMENT = "document", _("Client ID metadata document")


class IntroducedClient(NamedTuple):
    """
    A client whose client_id is a URL.

    is_document is False if the operator registered it: no document describes such a client. is_current is True if the
    client's columns match the stored copy of its document and that copy may be used without another request.
    """

    pk: int
    is_active: bool
    is_document: bool
    is_current: bool


class RegistrationManager(PrimaryManager["Registration"]):
    def of_client(self, client_id: str) -> "Registration | None":
        """Return a registration with its client, in one statement; None if the client did not register itself."""
        own = self.filter(kind=RegistrationKind.REGISTERED, client__client_id=client_id)
        return own.select_related("client").first()

    def client_by_url(self, client_id: str, *, now: datetime) -> "IntroducedClient | None":
        """Return the stored client with a URL as its client_id, in one statement; None if there is none."""
        copy = Document.objects.usable_without_fetch(Document.Kind.CLIENT, client_id, now=now, stale=freshness.STALE)
        current = models.Exists(copy.filter(fetched_at=models.OuterRef("registration__document_fetched_at")))
        columns = ("pk", "is_active", "registration__kind", "is_current")
        found = Client.objects.filter(client_id=client_id).annotate(is_current=current).values_list(*columns)
        row = next(iter(found), None)
        return row and IntroducedClient(row[0], row[1], row[2] == RegistrationKind.DOCUMENT, row[3])

    def has_room(self, *, most: int) -> bool:
        """
        Return whether fewer than `most` registered clients are waiting to be connected.

        Call it in the transaction that adds the client. A lock makes such transactions wait for each other on
        PostgreSQL; on SQLite they do so anyway.
        """
        connection = connections[self.db]
        if connection.vendor == "postgresql" and connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self.model._meta.db_table])
        return self.filter(purge_at__isnull=False).order_by()[:most].count() < most

    def keep(self, client_pk: int, *, now: datetime | None = None) -> bool:
        """
        Keep a client for good: it is no longer deleted for lack of a user.

        Args:
            now: when a user connected it; None if the operator reviewed it.

        Returns:
            True if the client was due to be deleted until now.
        """
        connected = {"connected_at": now} if now else {}
        return bool(self.filter(pk=client_pk, purge_at__isnull=False).update(purge_at=None, **connected))

    def expire_unused(self, documents: Iterable[tuple[str, str]], *, now: datetime) -> None:
        """
        Delete soon the documents that no client or issuer names any more, so that they do not pile up.

        Args:
            documents: pairs of column and URL, as from fetched_for().
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
        Document.objects.filter(pk__in=keys, purge_at__gt=now + UNUSED_LIFETIME).update(purge_at=now + UNUSED_LIFETIME)

    def operators_names(self) -> list[str]:
        """Return the names of the clients that did not register themselves."""
        return list(Client.objects.filter(registration=None).order_by("pk").values_list("name", flat=True))


def _of_issuers(urls: Collection[str]) -> Iterable[str]:
    return TrustedIssuer.objects.filter(jwks_uri__in=urls).values_list("jwks_uri", flat=True)


class Registration(models.Model):
    """
    The registration of a client that introduced itself. A client without one was registered by the operator.

    purge_at is None for a client that stays: a user connected it, the operator saved it, or it used an initial access
    token. translations is a JSON object of the members with a language tag. address_digest tells registrations from
    different networks apart without revealing the network.

    A client of kind DOCUMENT has no registration access token. document_fetched_at is when the copy was fetched that
    its columns were last taken from.
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
        """True if the document at the client_id, an https URL, describes the client."""
        return self.kind == RegistrationKind.DOCUMENT

    @property
    def document_host(self) -> str:
        """
        The host of the document's URL, the only proven fact about such a client; "" if the client registered itself.
        """
        return client_id_metadata_document.host_of(self.client.client_id) if self.is_document else ""

    @property
    def translated(self) -> dict[str, str]:
        """The members with a language tag."""
        found: Any = json.loads(self.translations or "{}")
        return dict(found)
