"""Grant: one live authorisation of one user, one client, one device. Every token hangs on one."""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from .authorisation import Authorisation, purge_time
from .authorization_code import AuthorizationCode
from .revoked_token import RevokedToken


class GrantQuerySet(models.QuerySet["Grant"]):
    """Reads and writes of grants."""

    def with_owner(self) -> Self:
        """Joined with consent, user and client: a grant whose consent was withdrawn is not found."""
        return self.select_related("consent__user", "consent__client")

    def facts(self, grant_id: UUID, *, token_id: UUID | None = None) -> "Grant | None":
        """
        A grant with its consent, user and client, in one statement; None if there is none.

        Args:
            token_id: an access token of it that is used; `token_is_revoked` then tells whether it was.
        """
        grants = self.with_owner().filter(pk=grant_id)
        if token_id:
            grants = grants.annotate(revoked=models.Exists(RevokedToken.objects.filter(pk=token_id)))
        return grants.first()

    def from_code(self, code: AuthorizationCode, *, now: datetime, expires_at: datetime) -> "Grant":
        """
        Make the grant of a redeemed code, under the same primary key.

        It keeps what the code proved, so that a replay of the code finds it and can be told from a guess.
        """
        return self.create(
            id=code.pk,
            consent=code.consent,
            secret=code.secret,
            scope=code.scope,
            redirect_uri=code.redirect_uri,
            code_challenge=code.code_challenge,
            created_at=now,
            refreshed_at=now,
            expires_at=expires_at,
            purge_at=purge_time(expires_at),
        )

    def rotate(self, grant: "Grant", *, now: datetime, expires_at: datetime) -> bool:
        """Move on to the next generation of refresh tokens; True for exactly one of all who try from this one."""
        rotated = self.filter(pk=grant.pk, generation=grant.generation).update(
            generation=grant.generation + 1,
            refreshed_at=now,
            expires_at=expires_at,
            purge_at=purge_time(expires_at),
        )
        return rotated == 1

    def end(self, grant_id: UUID) -> bool:
        """End a grant and with it every token ever made from it; False if it had ended before."""
        return self.filter(pk=grant_id)._raw_delete(self.db) == 1


class Grant(Authorisation):
    """One live authorisation; the same primary key and secret as the code that it came from."""

    generation = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("connected"))
    refreshed_at = models.DateTimeField(_("last used"))

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")

    @property
    def token_is_revoked(self) -> bool:
        """Whether the access token named to facts() was revoked."""
        return bool(getattr(self, "revoked", False))
