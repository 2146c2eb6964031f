"""SessionMark: a value that valid sessions of a user carry. A new one ends them all (global token revocation)."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..database import PrimaryManager

_NO_MARK = uuid.UUID(int=0)


class SessionMarkManager(PrimaryManager["SessionMark"]):
    def mark_of(self, user_id: Any) -> str:
        """Return the mark of a user, hexadecimal; SessionMark.NO_MARK if their sessions were never ended. One statement."""
        found = self.filter(user_id=user_id).values_list("mark", flat=True).first()
        return found.hex if found else SessionMark.NO_MARK

    def renew(self, user_ids: Collection[Any], *, now: datetime) -> None:
        """End every session of some users: sessions that begin from now on carry another mark. One statement."""
        rows = [SessionMark(user_id=user_id, mark=uuid.uuid4(), ended_at=now) for user_id in user_ids]
        self.bulk_create(rows, update_conflicts=True, unique_fields=["user"], update_fields=["mark", "ended_at"])

    def hold(self, user_id: Any) -> "SessionMark":
        """
        Keep the sessions of a user from being ended until the caller's transaction is over.

        Callers that give a user something new call this first, in the same transaction. Then a revocation of everything
        that the user has comes either before, and the caller sees it, or after, and ends the new thing, too.

        Returns:
            the row; its mark is SessionMark.NO_MARK and its ended_at None if the user's sessions were never ended.
        """
        mine = self.filter(user_id=user_id)
        # An UPDATE, not only a lock: under REPEATABLE READ a revocation that waits here must not go on with an old
        # snapshot.
        if not mine.update(mark=models.F("mark")):
            self.bulk_create([SessionMark(user_id=user_id)], ignore_conflicts=True)
            mine.update(mark=models.F("mark"))
        return mine.get()


class SessionMark(models.Model):
    """
    The mark of one user, stored once it is needed. A session begins with its user's mark and is valid while that stays
    the same.

    The user is a reference without a constraint, so that the deletion of a user cannot deadlock with a writer here.

    Attributes:
        NO_MARK: the mark of a user whose sessions were never ended, hexadecimal.
    """

    NO_MARK = _NO_MARK.hex

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("user"),
    )
    mark = models.UUIDField(default=_NO_MARK, editable=False)
    ended_at = models.DateTimeField(_("signed out everywhere"), null=True, editable=False)

    objects = SessionMarkManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("session mark")
        verbose_name_plural = _("session marks")

    def __str__(self) -> str:
        return str(self.user_id)
