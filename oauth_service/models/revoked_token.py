"""RevokedToken: a single access token that was revoked before it expires (RFC 7009)."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _


class RevokedTokenQuerySet(models.QuerySet["RevokedToken"]):
    """Writes to revoked tokens."""

    def add(self, token_id: UUID, *, expires_at: int) -> bool:
        """
        Remember until it expires that an access token was revoked; False if it was before.

        Args:
            expires_at: seconds since the epoch.
        """
        row = RevokedToken(token_id=token_id, purge_at=datetime.fromtimestamp(expires_at, UTC))
        try:
            if transaction.get_connection(self.db).in_atomic_block:
                with transaction.atomic(self.db):
                    row.save(force_insert=True)
            else:
                row.save(force_insert=True)
        except IntegrityError:
            return False
        return True


class RevokedToken(models.Model):
    """The id of a revoked access token, kept until the token would have expired."""

    token_id = models.UUIDField(primary_key=True, editable=False)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = RevokedTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("revoked access token")
        verbose_name_plural = _("revoked access tokens")

    def __str__(self) -> str:
        return str(self.token_id)
