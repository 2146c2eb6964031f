"""Consent: what a user allowed a client. A consent outlives tokens, and every token dies with it."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, models, transaction
from django.utils.translation import gettext_lazy as _

from .. import conf, database, signals
from ..compiled.statement import Placeholder, Select
from ..database import PrimaryManager
from ..protocol import lifecycle, resource_indicators
from ..protocol import scope as scopes
from ..values import value_class
from .client import COLUMNS, Client, ClientRow
from .registration import Registration

REASON_OF_END = "its end date has come"


def not_ended(path: str = "", *, now: datetime) -> models.Q:
    """
    Return the condition that a consent's end date, if there is one, is still to come.

    Args:
        path: lookup path to the consent, as in consent__.
    """
    return models.Q(**{f"{path}ends_at__isnull": True}) | models.Q(**{f"{path}ends_at__gt": now})


@value_class(kw_only=True)
class ClientWithConsent:
    """
    A client, and what one user allowed it.

    Without a consent, consent_id and consent_ends_at are None, and scope and resources are "".
    """

    client: ClientRow
    consent_id: uuid.UUID | None
    consent_ends_at: datetime | None
    scope: str
    resources: str

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> "ClientWithConsent":
        """Make a row from the client's columns, followed by the consent's id, end date, scope and resources."""
        *client, consent_id, ends_at, scope, resources = columns
        return cls(
            client=ClientRow.of(tuple(client)),
            consent_id=consent_id,
            consent_ends_at=ends_at,
            scope=scope or "",
            resources=resources or "",
        )

    def at(self, now: datetime) -> "ClientWithConsent":
        """Return the same at a moment: without the consent if its end date has come, even before its row is swept."""
        if lifecycle.has_ended(self.consent_ends_at, now=now):
            return replace(self, consent_id=None, consent_ends_at=None, scope="", resources="")
        return self


class ConsentManager(PrimaryManager["Consent"]):
    def client_with_consent(self, *, client_id: str, user_id: Any, now: datetime) -> ClientWithConsent | None:
        """
        Return a client with what a user allowed it, in one statement; None if there is no such client.

        Args:
            user_id: None for no user.
        """
        found = _with_consent.one(client_id=client_id, user_id=user_id)
        return found.at(now) if found else None

    def allowed_before(self, *, user_id: Any, client_pk: int, now: datetime) -> tuple[str, str]:
        """Return the scope and resources that a user allowed a client; both "" for nothing."""
        consents = self.filter(not_ended(now=now), user_id=user_id, client_id=client_pk)
        return consents.values_list("scope", "resources").first() or ("", "")

    def give(
        self, *, user_id: Any, client_pk: int, scope: str, now: datetime, at: Mapping[str, str] | None = None
    ) -> "Consent":
        """
        Store that a user allowed a client a scope, in addition to what they allowed before.

        Forms submitted from two tabs at once add up to one consent. After the end date of a consent a new row replaces
        it, so nothing that depended on the ended one is revived. Call this inside a transaction that starts again when
        it fails: see database.run_transaction().

        Args:
            scope: the scope shown for a request without resources; "" for a request with resources.
            at: the scope shown for each resource, by identifier (RFC 8707).
        """
        for _attempt in range(2):
            with transaction.atomic(using=self.db):
                consent = self.select_for_update().filter(user_id=user_id, client_id=client_pk).first()
                if consent and lifecycle.has_ended(consent.ends_at, now=now):
                    self._end_by_date(consent.pk, now=now)
                elif consent:
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
                lost_race = cause  # the other tab was first: add to its consent
        raise lost_race

    def withdraw(self, consent: "Consent") -> None:
        """
        Cut a client off from a user: delete the consent, every pending code and every grant.

        Codes and grants are read only joined with their consent. So the deletion of the consent alone ends them, even
        those that a concurrent request is about to write. Deleting their rows too keeps the tables small.
        """

        def delete() -> None:
            self.filter(pk=consent.pk)._raw_delete(self.db)
            consent.authorizationcodes.db_manager(self.db).all()._raw_delete(self.db)
            consent.grants.db_manager(self.db).all()._raw_delete(self.db)

        database.run_transaction(delete)

    def set_end(self, consent_id: uuid.UUID, ends_at: datetime | None, *, now: datetime) -> bool:
        """
        Set or remove the end date of a consent; False if the consent has ended, which is final.

        Every use of a code or token reads the end date with it, so a change also applies to requests in progress.
        """
        return self.filter(not_ended(now=now), pk=consent_id).update(ends_at=ends_at) == 1

    def sweep_ended(self, *, now: datetime, batch: int) -> int:
        """
        Delete up to a batch of consents whose end date has come, with their codes and grants, and announce each
        deletion.
        """
        due = self.filter(ends_at__lte=now).order_by("ends_at").values_list("pk", flat=True)[:batch]
        with signals.use_request_context(signals.RequestContext(by="end date")):
            return sum(self._end_by_date(pk, now=now) for pk in list(due))

    def _end_by_date(self, consent_id: uuid.UUID, *, now: datetime) -> bool:
        """Delete one ended consent, in a transaction. False if it is already gone, or if its end date was moved."""

        def end() -> bool:
            ended = self.filter(pk=consent_id, ends_at__lte=now)
            about = ended.values("user_id", "client__client_id").first()
            if about is None or not ended._raw_delete(self.db):
                return False
            consent = self.model(pk=consent_id)
            consent.authorizationcodes.db_manager(self.db).all()._raw_delete(self.db)
            consent.grants.db_manager(self.db).all()._raw_delete(self.db)
            facts = {"user_id": about["user_id"], "client_id": about["client__client_id"], "reason": REASON_OF_END}
            signals.announce(signals.app_deauthorised, **facts)
            return True

        return database.run_transaction(end)

    def withdraw_all(self, user_id: Any) -> list[str]:
        """
        Cut every client off from a user, in one transaction.

        Returns:
            the client_ids of the clients.
        """

        def delete() -> list[str]:
            mine = list(self.filter(user_id=user_id).select_related("client"))
            for consent in mine:
                self.withdraw(consent)
            return [consent.client.client_id for consent in mine]

        return database.run_transaction(delete)

    def of_user(self, user_id: Any, *, now: datetime) -> "models.QuerySet[Consent]":
        """Return a user's connected apps that have not ended, each with the count and dates of its live grants."""
        live = models.Q(grants__expires_at__gt=now)
        counted: dict[str, Any] = {
            "connection_count": models.Count("grants", filter=live),
            "connected_at": models.Max("grants__created_at", filter=live),
            "last_used_at": models.Max("grants__refreshed_at", filter=live),
        }
        mine = (
            self.filter(not_ended(now=now), user_id=user_id).select_related("client__registration").annotate(**counted)
        )
        return mine.order_by("client__name", "pk")


class Consent(models.Model):
    """
    The permission that a user gave a client: one row per user and client. After a withdrawal a new consent is a new
    row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="oauth_consents", verbose_name=_("user")
    )
    client = models.ForeignKey(
        Client, models.CASCADE, db_index=False, related_name="consents", verbose_name=_("client")
    )  # the index on client and given_at below serves
    scope = models.TextField(_("scope"))  # everything that the client was allowed over the years
    # What was allowed for tokens of an API: one line each, its identifier followed by the scope (RFC 8707).
    resources = models.TextField(_("resources"), blank=True, default="", db_default="")
    given_at = models.DateTimeField(_("given"))
    # The end date that the user or staff chose; None for never. After it the consent counts as withdrawn.
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)

    connection_count: int  # set by of_user()
    connected_at: datetime | None
    last_used_at: datetime | None

    objects = ConsentManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="oauth_service_one_consent")]
        indexes = [
            models.Index(
                fields=["ends_at"], name="oauth_service_consent_ends", condition=models.Q(ends_at__isnull=False)
            ),
            # The lists in the admin start with the latest, of all clients or of one.
            models.Index(fields=["given_at"], name="oauth_service_consent_given"),
            models.Index(fields=["client", "given_at"], name="oauth_service_consent_client"),
        ]

    def __str__(self) -> str:
        return f"{self.client} · {self.user}"


def lock_owner_before_delete(sender: type[models.Model], instance: models.Model, using: str, **_: object) -> None:
    """
    Keep a user or client that is about to be deleted from being given a consent in the meantime (pre_delete).

    A consent refers to both. The deletion collects existing consents; a later INSERT waits for its end, and then fails.
    """
    serialise_deletions(connections[using], alone=sender is Client)
    list(sender._base_manager.using(using).select_for_update().filter(pk=instance.pk).values_list("pk"))


def serialise_deletions(connection: Any, *, alone: bool) -> None:
    """
    Keep deletions of users and clients from deadlocking over the consents that they share and lock in different orders.

    Deletions of users share a lock, as they have no consents in common. The deletion of a client, which is rare, takes
    the lock exclusively.
    """
    if connection.vendor == "postgresql":
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {lock}(hashtext(%s))", [Consent._meta.db_table])


def _client_with_consent() -> "models.QuerySet[Any, Any]":
    user_id = Placeholder("user_id", get_user_model()._meta.pk)
    of_user = models.FilteredRelation("consents", condition=models.Q(consents__user=user_id))
    clients = Client.objects.annotate(of_user=of_user).filter(client_id=Placeholder("client_id", models.CharField()))
    return clients.values_list(*COLUMNS, "of_user__pk", "of_user__ends_at", "of_user__scope", "of_user__resources")


_with_consent = Select(lambda: Client, _client_with_consent, ClientWithConsent.of)
