"""SignIn: one sign-in of one user in one browser. OpenID Connect calls it a session (sid)."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import database
from ..compiled.statement import Write, insert
from ..database import PrimaryManager
from .client import Client


class SignInManager(PrimaryManager["SignIn"]):
    def begin(
        self,
        sign_in_id: UUID,
        *,
        user_id: Any,
        auth_time: datetime,
        acr: str,
        amr: Sequence[str],
        is_renewed: bool,
        purge_at: datetime,
    ) -> None:
        """
        Store a sign-in, or update the stored one.

        Args:
            is_renewed: True if the user signed in again during a session: its clients are then remembered as long as
                the sign-in.
        """
        sign_in = SignIn(
            pk=sign_in_id, user_id=user_id, auth_time=auth_time, acr=acr, amr=" ".join(amr), purge_at=purge_at
        )
        self.bulk_create(
            [sign_in],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["auth_time", "acr", "amr", "purge_at"],
        )
        if is_renewed:
            SignInClient.objects.filter(sign_in_id=sign_in_id).update(purge_at=purge_at)

    def add_client(self, sign_in_id: UUID, client_pk: int, *, purge_at: datetime) -> None:
        """
        Remember that a client learned who signed in, so that the sign-out reaches it. A repeated call updates
        purge_at.

        Raises:
            IntegrityError: the client was deleted in the meantime.
        """
        _insert_client.run(sign_in_id=sign_in_id, client_id=client_pk, purge_at=purge_at)

    def end(self, sign_in_ids: Sequence[UUID], *, user_id: Any, now: datetime, lifetime: timedelta) -> list[UUID]:
        """
        End sign-ins of a user, together with everything that was issued in them without offline_access.

        Codes and grants are read joined with their sign-in, so its end alone voids them, even those that a concurrent
        request is about to write. A sign-in whose row is already swept is stored again, as ended.

        Args:
            lifetime: how long an ended sign-in is kept: longer than anything that was issued in it.

        Returns:
            the ids of those that this call ended.
        """
        purge_at = now + lifetime
        missing = [SignIn(pk=each, user_id=user_id, auth_time=now, purge_at=purge_at) for each in sign_in_ids]

        def run() -> list[UUID]:
            self.bulk_create(missing, ignore_conflicts=True)
            mine = self.filter(pk__in=sign_in_ids, user_id=user_id, ended_at=None)
            ended = list(mine.select_for_update().order_by("pk").values_list("pk", flat=True))
            self.filter(pk__in=ended).update(ended_at=now, purge_at=purge_at)
            return ended

        return database.run_transaction(run)


class SignIn(models.Model):
    """
    A sign-in. Its id is the sid of OpenID Connect.

    auth_time is when the user proved who they are. acr and amr (space-delimited) say how; they are "" if nothing is
    known.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="oauth_sign_ins", verbose_name=_("user")
    )
    auth_time = models.DateTimeField(_("signed in"))
    acr = models.CharField(_("authentication context"), max_length=255, blank=True)
    amr = models.CharField(_("authentication methods"), max_length=255, blank=True)
    ended_at = models.DateTimeField(_("signed out"), null=True)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = SignInManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")

    def __str__(self) -> str:
        return str(self.pk)


class SignInClient(models.Model):
    """A client that learned of a sign-in and registered a logout URI."""

    sign_in = models.ForeignKey(SignIn, models.DO_NOTHING, db_constraint=False, related_name="clients")
    client = models.ForeignKey(Client, models.CASCADE, related_name="+")
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = PrimaryManager["SignInClient"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("client of a sign-in")
        verbose_name_plural = _("clients of sign-ins")
        constraints = [models.UniqueConstraint(fields=["sign_in", "client"], name="oauth_service_one_sign_in_client")]

    def __str__(self) -> str:
        return str(self.sign_in_id)


_insert_client = Write(
    lambda: SignInClient,
    lambda: insert(SignInClient, unique=["sign_in", "client"], update_conflicts=["purge_at"]),
)
