"""Consents and live connections in the admin."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import database, signals
from ..models import Consent, Grant
from .live_grants import CountedDeletion, count_of_live, live_grants
from .model_admin import ModelAdmin
from .read_only import ReadOnly
from .user_fields import user_fields


class GrantInline(ReadOnly, admin.TabularInline):
    """The devices a person has connected an app from; each can be ended on its own page."""

    model = Grant
    fields = ("scope", "resources", "created_at", "refreshed_at", "expires_at")
    readonly_fields = fields
    show_change_link = True
    can_delete = False
    verbose_name_plural = _("live connections")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Grant]:
        grants: models.QuerySet[Grant] = super().get_queryset(request)
        return grants.filter(expires_at__gt=timezone.now()).defer("secret").order_by("-refreshed_at")


@admin.register(Consent)
class ConsentAdmin(ReadOnly, CountedDeletion):
    """Who has connected which app. Deleting one is what its owner's Revoke button does: all of it ends at once."""

    list_display = ("client", "user", "scope", "given_at", "last_used_at", "connections")
    list_display_links = ("client", "user")
    list_select_related = ("client", "user")
    search_help_text = _("User, or the app's name or client ID")
    fields = ("client", "user", "scope", "resources", "given_at")
    date_hierarchy = "given_at"
    linked_lookups = ("client__id__exact",)  # from the page of a client
    ordering = ("-given_at",)
    inlines = (GrantInline,)
    tells_of_deletions = True

    def about(self, obj: Consent) -> dict[str, Any]:
        return {"user_id": obj.user_id, "client_id": obj.client.client_id}

    def name_in_history(self, obj: Consent) -> str:
        return f"{obj.client} · {obj.user_id}"

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*user_fields("user"), "client__name", "client__client_id")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Consent]:
        consents: models.QuerySet[Consent] = super().get_queryset(request)
        live = live_grants("consent").values("consent")
        last_used_at = models.Subquery(live.annotate(at=models.Max("refreshed_at")).values("at"))
        return consents.annotate(live_grants=count_of_live("consent"), last_used=last_used_at)

    @admin.display(description=_("last used"))
    def last_used_at(self, consent: Consent) -> Any:
        """When one of its live connections last got tokens."""
        return getattr(consent, "last_used", None)

    @admin.display(description=_("connections"))
    def connections(self, consent: Consent) -> int:
        """Live grants."""
        return int(getattr(consent, "live_grants", 0))

    def delete_model(self, request: HttpRequest, obj: Consent) -> None:
        self._withdraw(obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Consent]) -> None:
        def withdraw() -> None:
            for consent in queryset.select_related("client"):
                self._withdraw(consent)

        database.run_transaction(withdraw)

    def _withdraw(self, consent: Consent) -> None:
        Consent.objects.withdraw(consent)
        facts = {"user_id": consent.user_id, "client_id": consent.client.client_id, "reason": "by staff"}
        signals.announce(signals.app_deauthorised, **facts)


@admin.register(Grant)
class GrantAdmin(ReadOnly, ModelAdmin):
    """Live connections: one user, one client, one device. Deleting one ends every token it ever got."""

    list_display = ("client", "user", "created_at", "refreshed_at", "expires_at")
    list_display_links = ("client", "user")
    search_help_text = _("User, or the app's name or client ID")
    fields = ("client", "user", "scope", "resources", "created_at", "refreshed_at", "expires_at")
    ordering = ("-refreshed_at",)
    tells_of_deletions = True

    def about(self, obj: Grant) -> dict[str, Any]:
        consent = obj.consent
        return {"user_id": consent.user_id, "client_id": consent.client.client_id, "grant_id": obj.pk}

    def name_in_history(self, obj: Grant) -> str:
        return f"{obj.consent.client} · {obj.consent.user_id}"

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*user_fields("consent__user"), "consent__client__name", "consent__client__client_id")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Grant]:
        # Asked for its consent's user, as a count would leave out a join that is for reading alone.
        live = Grant.objects.with_owner().filter(expires_at__gt=timezone.now(), consent__user__isnull=False)
        return live.defer("secret").order_by(*self.ordering)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [f"{self.client(grant)} · {self.user(grant)} · {grant.created_at:%Y-%m-%d %H:%M}" for grant in objs]
        return names, {_("connections"): len(names)}, set(), []

    @admin.display(description=_("client"), ordering="consent__client__name")
    def client(self, grant: Grant) -> str:
        """The app."""
        return str(grant.consent.client)

    @admin.display(description=_("user"))
    def user(self, grant: Grant) -> str:
        """Whose connection it is."""
        return str(grant.consent.user)

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        self._end(obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Grant]) -> None:
        def end() -> None:
            for grant in queryset.all():
                self._end(grant)

        database.run_transaction(end)

    def _end(self, grant: Grant) -> None:
        if Grant.objects.end(grant.pk):
            client_id = grant.consent.client.client_id
            facts = {"user_id": grant.consent.user_id, "client_id": client_id, "grant_id": grant.pk}
            signals.announce(signals.token_revoked, **facts, token_type="refresh_token")
