"""TrustedIssuer: another server whose JWTs this server accepts (RFC 7521 section 3)."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import database
from ..database import PrimaryManager
from ..protocol import issuer_jwt
from .client import Client, WebAddressField, validate_jwks


class Purpose(models.TextChoices):
    """The purposes that an issuer's JWTs may be used for."""

    JWT_BEARER = "jwt-bearer", _("get tokens for the issuer's users (RFC 7523)")
    ID_JAG = "id-jag", _("get tokens for the issuer's users, with an identity assertion for one client (ID-JAG)")
    TOKEN_EXCHANGE = "token-exchange", _("exchange the issuer's JWTs for tokens of this server (RFC 8693)")
    SOFTWARE_STATEMENT = "software-statement", _("describe clients that register themselves (RFC 7591)")


class TrustedIssuerManager(PrimaryManager["TrustedIssuer"]):
    def believed(self, issuer: str) -> "TrustedIssuer | None":
        """Return the issuer of a JWT, in one statement; None if no active issuer has this identifier."""
        return self.filter(issuer=issuer, is_active=True).first()

    def forget_client(self, client_id: str) -> None:
        """Remove a client from every list: a later client with the same client_id must not inherit its trust."""

        def forget() -> None:
            for issuer in self.select_for_update().filter(clients__contains=client_id).order_by("pk"):
                if issuer.serves(client_id):
                    issuer.clients = "\n".join(name for name in issuer.clients.split() if name != client_id)
                    issuer.save(update_fields=["clients"])

        database.run_transaction(forget)


class TrustedIssuer(models.Model):
    """
    Another server whose JWTs are accepted, for its registered purposes and from its named clients.

    purposes and algorithms are separated by spaces, clients by lines. audience is a value that its JWTs may have as
    their audience besides this server.
    """

    Purpose = Purpose

    issuer = models.CharField(
        _("issuer"),
        max_length=255,
        unique=True,
        help_text=_("The iss claim of the issuer's JWTs. Compared character by character."),
    )
    purposes = models.CharField(
        _("purposes"),
        max_length=100,
        help_text=_("jwt-bearer, id-jag, token-exchange and software-statement, separated by spaces."),
    )
    # A text instead of foreign keys: a client_id never changes, and a JWT then takes one statement.
    clients = models.TextField(
        _("clients"),
        blank=True,
        help_text=_("Client IDs, one per line. Only these clients may present JWTs of the issuer."),
    )
    jwks = models.TextField(
        _("public keys"), blank=True, validators=[validate_jwks], help_text=_("A JWK set with public keys only.")
    )
    jwks_uri = WebAddressField(
        _("URL of the public keys"),
        blank=True,
        help_text=_("An https URL. The keys are fetched, and fetched again if a key is unknown."),
    )
    algorithms = models.CharField(
        _("algorithms"),
        max_length=100,
        default="RS256 ES256",
        help_text=_("The accepted signature algorithms, separated by spaces."),
    )
    audience = models.CharField(
        _("audience"),
        max_length=255,
        blank=True,
        help_text=_("For token exchange: the audience that the issuer's JWTs may name instead of this server."),
    )
    stands_for_consent = models.BooleanField(
        _("may consent for users"),
        default=False,
        help_text=_(
            "For JWT grants: users do not have to allow the client themselves. They see the connected app and "
            "can disconnect it."
        ),
    )
    tokens_end_with_jwt = models.BooleanField(
        _("tokens expire with their JWT"),
        default=False,
        help_text=_("For JWT grants: no access token is valid for longer than the JWT that it was issued for."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("If not ticked, JWTs of the issuer are refused, and access tokens that were issued for them end."),
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
        """Store the issuer. If it is switched off, delete the grants made from its JWTs, which are void."""
        super().save(*args, **kwargs)
        if not self.is_active:
            self._end_grants()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the issuer, and the grants made from its JWTs."""
        self._end_grants()
        return super().delete(*args, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        """
        Check the columns, also against each other.

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
        # The grants are void anyway, as they are read together with the issuer (GrantManager.of_token). Deleting them
        # also removes them from the pages that list connections.
        self.grants.all()._raw_delete(self.grants.db)

    @property
    def purpose_list(self) -> tuple[str, ...]:
        return tuple(self.purposes.split())

    @property
    def algorithm_list(self) -> tuple[str, ...]:
        """The signature algorithms that are accepted."""
        return tuple(self.algorithms.split())

    def serves(self, client_id: str) -> bool:
        """Return whether a client may present the issuer's JWTs."""
        return client_id in self.clients.split()


def forget_deleted_client(sender: type[models.Model], instance: Client, **_: object) -> None:
    """Remove a deleted client from every list (post_delete)."""
    TrustedIssuer.objects.forget_client(instance.client_id)
