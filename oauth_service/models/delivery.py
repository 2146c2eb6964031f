"""Delivery: a message to a client, sent again until the client takes it (an outbox)."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..database import PrimaryManager
from .client import Client


class Delivery(models.Model):
    """
    A back-channel logout token to send (OpenID Connect Back-Channel Logout section 2.5).

    The row holds the claims; the token is made when it is sent, so that it is fresh. sub is the subject as the client
    knows it.
    """

    client = models.ForeignKey(Client, models.CASCADE, related_name="deliveries", verbose_name=_("client"))
    sign_in_id = models.UUIDField(_("session"), editable=False)
    sub = models.CharField(max_length=255, editable=False)
    issuer = models.CharField(max_length=255, default="", editable=False)
    created_at = models.DateTimeField(_("signed out"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"), null=True, db_index=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = PrimaryManager["Delivery"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("sign-out message")
        verbose_name_plural = _("sign-out messages")

    def __str__(self) -> str:
        return f"{self.client} · {timezone.localtime(self.created_at):%Y-%m-%d %H:%M:%S %Z}"
