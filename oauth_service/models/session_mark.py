"""SessionMark: what the sessions of a user must carry to be good, once all of theirs were ended (global token revocation)."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..database import PrimaryManager

NO_MARK = uuid.UUID(int=0).hex


class SessionMarkManager(PrimaryManager["SessionMark"]):
    """Reads and writes of marks."""

    def mark_of(self, user_id: Any) -> str:
        """The mark of a user, hexadecimal; NO_MARK if nobody has ended their sessions yet. One statement."""
        found = self.filter(user_id=user_id).values_list("mark", flat=True).first()
        return found.hex if found else NO_MARK

    def renew(self, user_ids: Collection[Any], *, now: datetime) -> None:
        """End every session of users: those that begin from now on have another mark. One statement."""
        rows = [SessionMark(user_id=user_id, mark=uuid.uuid4(), ended_at=now) for user_id in user_ids]
        self.bulk_create(rows, update_conflicts=True, unique_fields=["user"], update_fields=["mark", "ended_at"])

    def hold(self, user_id: Any) -> "SessionMark":
        """
        Keep the sessions of a user from being ended until the transaction of the caller is over.

        Whoever gives a user something new asks here first, in the transaction that gives it: an end of all that the user has
        comes either before it, and is seen, or after it, and finds it.

        Returns:
            the row; NO_MARK, and an ended_at of None, if nobody has ended their sessions yet.
        """
        mine = self.filter(user_id=user_id)
        # Written, and not locked alone: under REPEATABLE READ an end that waits for it must not go on with what it saw before.
        if not mine.update(mark=models.F("mark")):
            self.bulk_create([SessionMark(user_id=user_id)], ignore_conflicts=True)
            mine.update(mark=models.F("mark"))
        return mine.get()


class SessionMark(models.Model):
    """
    One a user, as soon as it matters. A session begins with the mark of its user, and is good as long as that stays the same.

    The user is a reference without a constraint: their deletion, and whoever gives them something, must not cross here.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("user"),
    )
    mark = models.UUIDField(default=uuid.UUID(int=0), editable=False)
    ended_at = models.DateTimeField(_("signed out everywhere"), null=True, editable=False)

    objects = SessionMarkManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("mark of sessions")
        verbose_name_plural = _("marks of sessions")

    def __str__(self) -> str:
        return str(self.user_id)
