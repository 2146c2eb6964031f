"""Consent: what a user allowed a client. It outlives tokens, and without it none of them is alive."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, models, transaction
from django.utils.translation import gettext_lazy as _

from .. import conf, database
from ..compiled.statement import Placeholder, Select
from ..database import PrimaryManager
from ..protocol import resource_indicators
from ..protocol import scope as scopes
from .client import COLUMNS, Client, ClientRow
from .registration import Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientWithConsent:
    """A client, and what one user has allowed it: consent_id is None, scope and resources "" for nothing."""

    client: ClientRow
    consent_id: uuid.UUID | None
    scope: str
    resources: str

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "ClientWithConsent":
        """The row of these columns: the client's, then the consent's id, scope and resources."""
        *client, consent_id, scope, resources = columns
        row = ClientRow.of(tuple(client))
        return cls(client=row, consent_id=consent_id, scope=scope or "", resources=resources or "")


class ConsentManager(PrimaryManager["Consent"]):
    """Reads and writes of consents."""

    def standing(self, *, client_id: str, user_id: Any) -> ClientWithConsent | None:
        """
        A client and what a user has allowed it, in one statement; None if there is no such client.

        Args:
            user_id: None for nobody.
        """
        return _standing.one(client_id=client_id, user_id=user_id)

    def give(
        self, *, user_id: Any, client_pk: int, scope: str, now: datetime, at: Mapping[str, str] | None = None
    ) -> "Consent":
        """
        Remember that a user allowed a client a scope, on top of what they allowed before.

        Two tabs that are answered at once add up to one consent. Within a transaction of the caller's, which begins anew if
        that fails: see database.run_transaction().

        Args:
            scope: what was shown of a request without resources; "" if it had any.
            at: what was shown for each resource, by identifier (RFC 8707).
        """
        for _attempt in range(2):
            with transaction.atomic(using=self.db):
                consent = self.select_for_update().filter(user_id=user_id, client_id=client_pk).first()
                if consent:
                    consent.scope = scopes.union(consent.scope, scope)
                    consent.given_at = now
                    if at:
                        consent.resources = resource_indicators.added(consent.resources, at)
                    consent.save(update_fields=["scope", *(["resources"] if at else []), "given_at"])
                    return consent
            try:
                with transaction.atomic(using=self.db):
                    resources = resource_indicators.added("", at or {})
                    consent = self.create(
                        user_id=user_id, client_id=client_pk, scope=scope, resources=resources, given_at=now
                    )
                    if conf.clients_introduce_themselves():
                        Registration.objects.keep(client_pk, now=now)
                    return consent
            except IntegrityError as cause:
                lost_race = cause  # the other tab was first: add to what it made
        raise lost_race

    def withdraw(self, consent: "Consent") -> None:
        """
        Cut a client off from a user: the consent, every pending code and every grant.

        Codes and grants are read joined with their consent only, so its deletion alone ends them, even those that a
        request in flight is about to write; deleting their rows too keeps the tables small.
        """

        def delete() -> None:
            self.filter(pk=consent.pk)._raw_delete(self.db)
            consent.authorizationcodes.db_manager(self.db).all()._raw_delete(self.db)
            consent.grants.db_manager(self.db).all()._raw_delete(self.db)

        database.run_transaction(delete)

    def withdraw_all(self, user_id: Any) -> list[str]:
        """
        Cut every client off from a user, in one transaction.

        Returns:
            the client_id of each.
        """

        def delete() -> list[str]:
            mine = list(self.filter(user_id=user_id).select_related("client"))
            for consent in mine:
                self.withdraw(consent)
            return [consent.client.client_id for consent in mine]

        return database.run_transaction(delete)

    def of_user(self, user_id: Any, *, now: datetime) -> "models.QuerySet[Consent]":
        """A user's connected apps, each with `connection_count` and `last_used_at` of its live grants."""
        live = models.Q(grants__expires_at__gt=now)
        counted: dict[str, Any] = {
            "connection_count": models.Count("grants", filter=live),
            "last_used_at": models.Max("grants__refreshed_at", filter=live),
        }
        mine = self.filter(user_id=user_id).select_related("client").annotate(**counted)
        return mine.order_by("client__name", "pk")


class Consent(models.Model):
    """What a user allowed a client. One a user and client; given anew after it was withdrawn, it is another row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="oauth_consents", verbose_name=_("user")
    )
    client = models.ForeignKey(Client, models.CASCADE, related_name="consents", verbose_name=_("client"))
    scope = models.TextField(_("scope"))  # of all that the client could ask for over the years
    # What was allowed for tokens of an API, a line each: its identifier, then the scope (RFC 8707).
    resources = models.TextField(_("resources"), blank=True, default="", db_default="")
    given_at = models.DateTimeField(_("given"))

    connection_count: int  # of_user() fills these two in
    last_used_at: datetime | None

    objects = ConsentManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="oauth_service_one_consent")]

    def __str__(self) -> str:
        return f"{self.client} · {self.user}"


def lock_owner_before_delete(sender: type[models.Model], instance: models.Model, using: str, **_: object) -> None:
    """
    Keep a user or client that is about to be deleted from being given a consent meanwhile (pre_delete).

    A consent refers to both. The deletion finds each that is there by now; one that comes later waits for the end of the
    deletion, and fails itself.
    """
    serialise_deletions(connections[using], alone=sender is Client)
    list(sender._base_manager.using(using).select_for_update().filter(pk=instance.pk).values_list("pk"))


def serialise_deletions(connection: Any, *, alone: bool) -> None:
    """
    Let deletions of users and of clients not cross each other in the consents that they share, found in different orders.

    Those of users, who have none in common, go on beside each other; one of clients, which is rare, goes alone.
    """
    if connection.vendor == "postgresql":
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {lock}(hashtext(%s))", [Consent._meta.db_table])


def _client_with_consent() -> "models.QuerySet[Any, Any]":
    user_id = Placeholder("user_id", get_user_model()._meta.pk)
    of_user = models.FilteredRelation("consents", condition=models.Q(consents__user=user_id))
    clients = Client.objects.annotate(of_user=of_user).filter(client_id=Placeholder("client_id", models.CharField()))
    return clients.values_list(*COLUMNS, "of_user__pk", "of_user__scope", "of_user__resources")


_standing = Select(lambda: Client, _client_with_consent, ClientWithConsent.of)
