"""AuthorizationCode: pending, deleted when it is exchanged (RFC 6749 section 4.1.2)."""

from typing import Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from .authorisation import Authorisation


class AuthorizationCodeQuerySet(models.QuerySet["AuthorizationCode"]):
    """Reads and writes of codes."""

    def facts(self, code_id: UUID) -> "AuthorizationCode | None":
        """A pending code with its consent, user and client, in one statement; None if there is none."""
        return self.with_owner().filter(pk=code_id).first()

    def with_owner(self) -> Self:
        """Joined with consent, user and client: a code whose consent was withdrawn is not found."""
        return self.select_related("consent__user", "consent__client")

    def redeem(self, code_id: UUID) -> bool:
        """Delete a pending code; True for exactly one of all who try."""
        return self.filter(pk=code_id)._raw_delete(self.db) == 1


class AuthorizationCode(Authorisation):
    """A code that waits for its exchange."""

    objects = AuthorizationCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("authorization code")
        verbose_name_plural = _("authorization codes")
