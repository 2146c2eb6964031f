"""TrustedIssuer: another server whose JWTs are believed here (RFC 7521 section 3)."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import database
from ..database import PrimaryManager
from ..protocol import issuer_jwt
from .client import Client, WebAddressField, validate_jwks


class Purpose(models.TextChoices):
    """What the JWTs of an issuer may be used for."""

    JWT_BEARER = "jwt-bearer", _("To get tokens for its users (RFC 7523)")
    ID_JAG = "id-jag", _("To get tokens for its users, as an identity assertion for one client (ID-JAG)")
    TOKEN_EXCHANGE = "token-exchange", _("To be exchanged for tokens of this server (RFC 8693)")
    SOFTWARE_STATEMENT = "software-statement", _("To say what clients are that register themselves (RFC 7591)")


class TrustedIssuerManager(PrimaryManager["TrustedIssuer"]):
    """Reads of trusted issuers."""

    def believed(self, issuer: str) -> "TrustedIssuer | None":
        """The issuer of a JWT, in one statement; None if there is none that is switched on."""
        return self.filter(issuer=issuer, is_active=True).first()

    def forget_client(self, client_id: str) -> None:
        """Take a client out of every list: one that gets its client ID later must not inherit its trust."""

        def forget() -> None:
            for issuer in self.select_for_update().filter(clients__contains=client_id).order_by("pk"):
                if issuer.serves(client_id):
                    issuer.clients = "\n".join(name for name in issuer.clients.split() if name != client_id)
                    issuer.save(update_fields=["clients"])

        database.run_transaction(forget)


class TrustedIssuer(models.Model):
    """
    Another server whose JWTs are believed here, for what it is registered for and from the clients that are named.

    purposes and algorithms are separated by spaces, clients by lines; audience is what its JWTs may name besides this server.
    """

    Purpose = Purpose

    issuer = models.CharField(
        _("issuer"), max_length=255, unique=True, help_text=_("As its JWTs have it (iss), character by character.")
    )
    purposes = models.CharField(
        _("purposes"),
        max_length=100,
        help_text=_("jwt-bearer, id-jag, token-exchange and software-statement, separated by spaces."),
    )
    # No foreign keys: a client_id never changes, and a JWT costs one statement.
    clients = models.TextField(
        _("clients"),
        blank=True,
        help_text=_("The client IDs of those that may present its JWTs, one a line; no other does."),
    )
    jwks = models.TextField(
        _("public keys"), blank=True, validators=[validate_jwks], help_text=_("A JWK set; public keys alone.")
    )
    jwks_uri = WebAddressField(
        _("address of its public keys"), blank=True, help_text=_("https; fetched, and again when a key is not known.")
    )
    algorithms = models.CharField(
        _("algorithms"),
        max_length=100,
        default="RS256 ES256",
        help_text=_("The signatures that are believed, separated by spaces."),
    )
    audience = models.CharField(
        _("audience"),
        max_length=255,
        blank=True,
        help_text=_("For token exchange: what its JWTs may name as their audience instead of this server."),
    )
    stands_for_consent = models.BooleanField(
        _("its word stands for consent"),
        default=False,
        help_text=_("For grants: its users need not have allowed the client themselves. They see it, and can end it."),
    )
    tokens_end_with_jwt = models.BooleanField(
        _("tokens end with its JWTs"),
        default=False,
        help_text=_("For grants: no access token is good for longer than the JWT that it was given for."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Switch off to believe none of its JWTs, and to end the access tokens that were given for them."),
    )
    created_at = models.DateTimeField(_("registered"), auto_now_add=True)

    objects = TrustedIssuerManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("trusted issuer")
        verbose_name_plural = _("trusted issuers")

    def __str__(self) -> str:
        return self.issuer

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it; what was given for its JWTs goes if it is switched off, as it is void."""
        super().save(*args, **kwargs)
        if not self.is_active:
            self._end_grants()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete it, and what was given for its JWTs."""
        self._end_grants()
        return super().delete(*args, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        """
        Hold the columns against each other, too.

        Raises:
            ValidationError: by column.
        """
        super().clean_fields(exclude=exclude)
        faults: dict[str, list[str]] = {}
        for column, sentence in issuer_jwt.faults_of(self):
            faults.setdefault(NON_FIELD_ERRORS if column in (exclude or ()) else column, []).append(sentence)
        if faults:
            raise ValidationError(faults)

    def _end_grants(self) -> None:
        # Void anyway, as they are read together with it (GrantManager.in_use); this keeps the pages of connections true.
        self.grants.all()._raw_delete(self.grants.db)

    @property
    def purpose_list(self) -> tuple[str, ...]:
        """What its JWTs may be used for."""
        return tuple(self.purposes.split())

    @property
    def algorithm_list(self) -> tuple[str, ...]:
        """The signatures that are believed."""
        return tuple(self.algorithms.split())

    def serves(self, client_id: str) -> bool:
        """Tell whether a client may present its JWTs."""
        return client_id in self.clients.split()


def forget_deleted_client(sender: type[models.Model], instance: Client, **_: object) -> None:
    """Take a client that was deleted out of every list (post_delete)."""
    TrustedIssuer.objects.forget_client(instance.client_id)
