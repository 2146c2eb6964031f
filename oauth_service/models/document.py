"""Document: the copy of a document that a client publishes at a URL of its own."""

import hashlib
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..database import PrimaryManager


class Kind(models.TextChoices):
    """The purpose of a document."""

    LOGO = "logo", _("Logo")
    SECTOR = "sector", _("Sector identifier")
    KEYS = "keys", _("JWK set")
    METADATA = "metadata", _("Issuer metadata")
    CLIENT = "client", _("Client ID metadata document")


class DocumentManager(PrimaryManager["Document"]):
    def find(self, kind: str, url: str) -> "Document | None":
        """Return the row of a document; None if it was never requested."""
        return self.filter(pk=key_of(kind, url)).first()

    def usable_without_fetch(
        self, kind: str, url: str, *, now: datetime, stale: timedelta
    ) -> "models.QuerySet[Document]":
        """
        Return the copy that may be used without asking its origin: is_usable() and not is_due(). Empty if there is
        none.
        """
        rested = Q(retry_at__gt=now, fresh_until__gt=now - stale)
        return self.filter(Q(fresh_until__gt=now) | rested, pk=key_of(kind, url), fetched_at__isnull=False)

    def claim(self, kind: str, url: str, *, now: datetime, until: datetime, purge_at: datetime) -> bool:
        """
        Claim the right to fetch a document. One of several workers gets it, until the claim runs out.

        Returns:
            True if this caller got it.
        """
        key = key_of(kind, url)
        # Check again that it is due: another worker may have fetched it since the caller looked.
        due = self.filter(Q(retry_at=None) | Q(retry_at__lte=now), Q(fetched_at=None) | Q(fresh_until__lte=now), pk=key)
        free = due.filter(Q(claimed_until=None) | Q(claimed_until__lte=now))
        if free.update(claimed_until=until):
            return True
        if self.filter(pk=key).exists():
            return False
        row = Document(key=key, kind=kind, url=url, fresh_until=now, purge_at=purge_at)
        self.bulk_create([row], ignore_conflicts=True)
        return bool(free.update(claimed_until=until))

    def expire(self, kind: str, url: str, *, now: datetime, fetched_before: datetime) -> None:
        """Make a fresh copy due for another fetch, unless it was fetched after fetched_before."""
        old = self.filter(pk=key_of(kind, url), fetched_at__lte=fetched_before, fresh_until__gt=now)
        old.update(fresh_until=now)


class Document(models.Model):
    """
    A copy of a document that somebody else publishes.

    fetched_at is None until a fetch succeeds. The origin is not asked again before fresh_until. After a failure, which
    last_error describes, it is not asked again before retry_at.
    """

    Kind = Kind

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    url = models.TextField(_("URL"))
    body = models.BinaryField(editable=False, default=b"")
    etag = models.CharField(max_length=200, blank=True, editable=False)
    fetched_at = models.DateTimeField(_("fetched"), null=True)
    fresh_until = models.DateTimeField(_("fresh until"))
    retry_at = models.DateTimeField(null=True, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = DocumentManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("fetched document")
        verbose_name_plural = _("fetched documents")

    def __str__(self) -> str:
        return self.url

    def is_due(self, *, now: datetime) -> bool:
        """Return whether the origin has to be asked."""
        is_fresh = self.fetched_at is not None and now < self.fresh_until
        return not is_fresh and (self.retry_at is None or self.retry_at <= now)

    def is_usable(self, *, now: datetime, stale: timedelta) -> bool:
        """Return whether there is a copy that may be used, fresh or stale."""
        return self.fetched_at is not None and now < self.fresh_until + stale


def key_of(kind: str, url: str) -> str:
    """Return the primary key of a document. It is a hash, because URLs are too long for an index."""
    return hashlib.sha256(f"{kind}\0{url}".encode()).hexdigest()
