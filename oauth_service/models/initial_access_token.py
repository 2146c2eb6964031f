"""InitialAccessToken: permission to register clients (RFC 7591 section 3)."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..database import PrimaryManager
from ..protocol.secret import Secret
from ..protocol.token_digest import digest_of


class InitialAccessTokenManager(PrimaryManager["InitialAccessToken"]):
    def presented(self, token: Secret, *, now: datetime) -> "InitialAccessToken | None":
        """Return the row of a token if it is valid now, in one statement; otherwise None."""
        found = self.filter(digest=digest_of(token)).first()
        return found if found and found.is_good(now=now) else None

    def use(self, token: "InitialAccessToken", *, now: datetime) -> bool:
        """
        Count one use of a token. Call it in the transaction that registers the client.

        Returns:
            False if the token has expired or was revoked or used up in the meantime.
        """
        good = self.filter(pk=token.pk, is_active=True).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now),
            models.Q(uses_left=None) | models.Q(uses_left__gt=0),
        )
        return bool(good.update(uses_left=models.F("uses_left") - 1, last_used_at=now))

    def revoke_all(self) -> int:
        """Revoke every token, and return how many were active."""
        return self.filter(is_active=True).update(is_active=False)


class InitialAccessToken(models.Model):
    """
    A token that registers clients, made by the operator and shown once.

    expires_at and uses_left are None for no limit.
    """

    name = models.CharField(
        _("name"), max_length=100, help_text=_("The recipient of the token. Only staff see this name.")
    )
    # The digest of 256 random bits. An equality lookup reveals nothing that helps to guess a token.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, help_text=_("If empty, the token does not expire.")
    )
    uses_left = models.PositiveIntegerField(
        _("uses left"),
        null=True,
        blank=True,
        help_text=_("The number of clients that can still be registered with the token. If empty, there is no limit."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("If not ticked, the token is revoked. Clients that were registered with it are kept."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = InitialAccessTokenManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("initial access token")
        verbose_name_plural = _("initial access tokens")

    def __str__(self) -> str:
        return self.name

    def is_good(self, *, now: datetime) -> bool:
        """Return whether the token may register a client now."""
        return self.is_active and (self.expires_at is None or self.expires_at > now) and self.uses_left != 0
