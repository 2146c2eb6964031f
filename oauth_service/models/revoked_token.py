"""RevokedToken: an access token that was revoked before it expired (RFC 7009)."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..compiled.statement import Write, insert
from ..database import PrimaryManager


class RevokedTokenManager(PrimaryManager["RevokedToken"]):
    def add(self, token_id: UUID, *, expires_at: int) -> bool:
        """
        Record a revoked access token until it expires; False if it was recorded before.

        Args:
            expires_at: seconds since the epoch.
        """
        return _insert.run(token_id=token_id, purge_at=datetime.fromtimestamp(expires_at, UTC)) == 1


class RevokedToken(models.Model):
    """The id of a revoked access token, kept until the token would have expired."""

    token_id = models.UUIDField(primary_key=True, editable=False)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = RevokedTokenManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("revoked access token")
        verbose_name_plural = _("revoked access tokens")

    def __str__(self) -> str:
        return str(self.token_id)


_insert = Write(lambda: RevokedToken, lambda: insert(RevokedToken, ignore_conflicts=True))
