"""Resource: an API that clients request tokens for (RFC 8707)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..compiled.statement import Placeholder, Select
from ..database import PrimaryManager
from ..protocol import resource_indicators, scope
from ..protocol.errors import InvalidScope
from ..protocol.lifecycle import LONGEST_LIFETIME
from .client import Client, WebAddressField


class TokenFormat(models.TextChoices):
    """The format of a resource's access tokens."""

    OPAQUE = "opaque", _("Opaque: the API asks this server, so a token can be revoked at once")
    JWT = "jwt", _("JWT: the API verifies a token itself and accepts it until it expires")


def validate_identifier(text: str) -> None:
    """
    Check a resource identifier (RFC 8707 section 2).

    Raises:
        ValidationError: it is not valid.
    """
    if fault := resource_indicators.fault_of(text):
        raise ValidationError(f"{text} {fault}.")


def validate_scopes(text: str) -> None:
    """
    Check a list of scopes, one a line: the name (RFC 6749 section 3.3), a space and its description.

    Raises:
        ValidationError: a line without a description, an invalid scope name, or a repeated one.
    """
    names = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _space, words = line.partition(" ")
        try:
            scope.parse(name)
        except InvalidScope as fault:
            raise ValidationError(f"{name}: {fault}") from fault
        if not words.strip():
            raise ValidationError(_("%(name)s has no description."), params={"name": name})
        names.append(name)
    if len(set(names)) < len(names):
        raise ValidationError(_("A scope is listed twice."))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """
    A resource that a client may request.

    Attributes:
        words: descriptions of the scopes, by name.
        access_token_lifetime: None for the client's, or the server's.
        is_jwt: True if its access tokens are JWTs (RFC 9068), signed with signing_alg.
    """

    identifier: str
    name: str
    words: Mapping[str, str]
    access_token_lifetime: timedelta | None
    is_jwt: bool = False
    signing_alg: str = "RS256"

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "ResourceRow":
        """Make a row from columns in the order of COLUMNS."""
        identifier, name, scopes, lifetime, token_format, signing_alg = columns
        return cls(
            identifier=identifier,
            name=name,
            words=words_of(scopes),
            access_token_lifetime=lifetime,
            is_jwt=token_format == TokenFormat.JWT,
            signing_alg=signing_alg,
        )


COLUMNS = ("identifier", "name", "scopes", "access_token_lifetime", "token_format", "signing_alg")


class ResourceManager(PrimaryManager["Resource"]):
    def for_client(self, identifiers: Collection[str], client_pk: int) -> tuple[ResourceRow, ...]:
        """
        Return the active resources among these that a client may request, in one statement; none for no identifiers.
        """
        if not identifiers:
            return ()
        if len(identifiers) == 1:  # the usual token request
            [only] = identifiers
            row = _one_for_client.one(identifier=only, client_pk=client_pk)
            return (row,) if row else ()
        rows = _for_client(client_pk).filter(identifier__in=identifiers)
        found = {each.identifier: each for each in map(ResourceRow.of, rows)}
        return tuple(found[identifier] for identifier in identifiers if identifier in found)

    def active(self, identifiers: Sequence[str]) -> "Resource | None":
        """
        Return the first of these that is registered and active, in one statement; skip texts that cannot be
        identifiers.
        """
        possible = [each for each in identifiers if not resource_indicators.fault_of(each)]
        found = {each.identifier: each for each in self.filter(identifier__in=possible, is_active=True)}
        return next((found[each] for each in identifiers if each in found), None)

    def longest_jwt_lifetime(self) -> timedelta:
        """Return the longest lifetime that a JWT of any resource can have; zero if no resource uses JWTs."""
        lifetimes = set(self.filter(token_format=TokenFormat.JWT).values_list("access_token_lifetime", flat=True))
        if None in lifetimes:  # None stands for the lifetime of the client, and any client may ask
            lifetimes |= set(Client.objects.values_list("access_token_lifetime", flat=True))
        return max((each for each in lifetimes if each), default=timedelta(0))

    def described(self, identifiers: Collection[str]) -> dict[str, ResourceRow]:
        """Return resources by identifier, active or not, to show them to users; without identifiers no statement."""
        if not identifiers:
            return {}
        return {each.identifier: each.row() for each in self.filter(identifier__in=identifiers)}

    def words(self) -> dict[str, str]:
        """Return the description of every scope of every resource, by scope name."""
        return {name: words for each in self.order_by("-pk") for name, words in each.words().items()}

    def scope_names(self) -> set[str]:
        """Return the names of every scope of every resource."""
        return {name for each in self.all() for name in each.words()}

    def providing(self, scopes: Collection[str]) -> list[str]:
        """Return identifiers of resources that every client may request and that together have these scopes, if any do."""
        identifiers, missing = [], set(scopes)
        for each in self.filter(is_for_all=True, is_active=True).order_by("pk") if missing else ():
            if found := missing & each.words().keys():
                identifiers.append(each.identifier)
                missing -= found
        return identifiers

    def open_scopes(self) -> tuple[tuple[str, ...], ...]:
        """Return the scopes of each resource that every client may request."""
        return tuple(tuple(each.words()) for each in self.filter(is_for_all=True, is_active=True).order_by("pk"))


class Resource(models.Model):
    """An API. Its tokens are valid for it alone and have its scopes and its lifetime."""

    TokenFormat = TokenFormat

    identifier = models.CharField(
        _("identifier"),
        max_length=resource_indicators.LONGEST_IDENTIFIER,
        unique=True,
        validators=[validate_identifier],
        help_text=_("Absolute URI of the API, without a fragment. Compared character by character."),
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("Users see this name when an app requests access to the API.")
    )
    scopes = models.TextField(
        _("scopes"),
        blank=True,
        validators=[validate_scopes],
        help_text=_("One scope per line: the scope, a space, and a description for users of what it lets an app do."),
    )
    token_format = models.CharField(
        _("token format"),
        max_length=6,
        choices=TokenFormat.choices,
        default=TokenFormat.OPAQUE,
        help_text=_(
            "An API that verifies JWTs itself accepts them until they expire, even after they are revoked, the "
            "client is deactivated or the user signs out. Keep their lifetime short. An API that uses "
            "introspection refuses them at once."
        ),
    )
    signing_alg = models.CharField(
        _("JWT algorithm"),
        max_length=10,
        default="RS256",
        db_default="RS256",
        help_text=_("The signature algorithm of access tokens that are JWTs."),
    )
    access_token_lifetime = models.DurationField(
        _("access token lifetime"), null=True, blank=True, help_text=_("If empty, the client's lifetime applies.")
    )
    is_for_all = models.BooleanField(
        _("available to every client"),
        default=False,
        help_text=_("If not ticked, only the chosen clients may request access to the API."),
    )
    clients = models.ManyToManyField(
        Client,
        blank=True,
        related_name="resources",
        verbose_name=_("clients"),
        help_text=_("The clients that may request access to the API if it is not available to every client."),
    )
    documentation_uri = WebAddressField(
        _("documentation"),
        blank=True,
        default="",
        db_default="",
        help_text=_("For developers of apps that use the API."),
    )
    policy_uri = WebAddressField(
        _("data policy"), blank=True, default="", db_default="", help_text=_("How an app may use the data of the API.")
    )
    tos_uri = WebAddressField(_("terms of service"), blank=True, default="", db_default="")
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("If not ticked, no client can request access to the API.")
    )

    objects = ResourceManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("resource")
        verbose_name_plural = _("resources")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """
        Check that this server can issue the tokens that the columns ask for.

        Raises:
            ValidationError: by column.
        """
        if self.token_format == TokenFormat.JWT:
            if not conf.is_openid():
                raise ValidationError(
                    {
                        "token_format": _(
                            "JWT access tokens need keys that sign them: add openid to OAUTH_SERVICE_SCOPES "
                            "(extra oidc), or choose opaque."
                        )
                    }
                )
            if self.signing_alg not in (known := conf.SIGNING_ALGORITHMS()):
                raise ValidationError({"signing_alg": f"This server signs with {', '.join(known)}."})
        lifetime = self.access_token_lifetime
        if lifetime is not None and not timedelta(seconds=1) <= lifetime <= LONGEST_LIFETIME:
            sentence = f"A lifetime is one second or more, and {LONGEST_LIFETIME.days} days at most."
            raise ValidationError({"access_token_lifetime": sentence})

    def words(self) -> dict[str, str]:
        """Return the descriptions of the scopes, by name."""
        return words_of(self.scopes)

    def row(self) -> ResourceRow:
        """Return the columns that a token request needs."""
        return ResourceRow.of(tuple(getattr(self, name) for name in COLUMNS))


def _for_client(client_pk: Any) -> "models.QuerySet[Any, Any]":
    chosen = Resource.clients.through.objects.using(Resource.objects.db).filter(
        resource_id=models.OuterRef("pk"), client_id=client_pk
    )
    allowed = models.Q(is_for_all=True) | models.Exists(chosen)
    return Resource.objects.filter(allowed, is_active=True).values_list(*COLUMNS)


_one_for_client = Select(
    lambda: Resource,
    lambda: _for_client(Placeholder("client_pk", models.BigAutoField())).filter(
        identifier=Placeholder("identifier", models.CharField())
    ),
    ResourceRow.of,
)


def words_of(lines: str) -> dict[str, str]:
    """Parse lines of a scope, a space and its description."""
    parts = (line.partition(" ") for line in filter(None, map(str.strip, lines.splitlines())))
    return {name: words.strip() for name, _space, words in parts}


def lines_of(words: Iterable[tuple[str, str]]) -> str:
    """Write scopes and their descriptions as lines, as the column keeps them."""
    return "\n".join(f"{name} {text}" for name, text in words)
