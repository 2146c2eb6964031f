"""The audit trail in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import database
from ..models import AuditEvent, Client
from .model_admin import ModelAdmin
from .read_only import ReadOnly
from .user_fields import user_names

MOST_FOUND = 100  # users, and clients, whose events one search shows


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, ModelAdmin):
    """What happened. Nobody edits it and nobody deletes from it: it goes in its time."""

    list_display = (
        "at",
        "event",
        "outcome",
        "user",
        "client_id",
        "acted_by",
        "address",
        "reason",
        "event_count",
        "reference",
    )
    list_filter = ("event", "outcome")
    list_select_related = ("user", "actor")
    search_fields = ("client_id",)  # so that there is a field to search with; get_search_results() says how
    search_help_text = _("User, the app's name or client ID, or the reference of an error page")
    fields = (*list_display, "scope", "grant_id", "changes", "last_at")
    date_hierarchy = "at"
    ordering = ("-pk",)  # as they were written: the key's own index serves it, however many there are
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AuditEvent]:
        # Joined: a user who was deleted meanwhile is then nobody, instead of an error.
        events: models.QuerySet[AuditEvent] = super().get_queryset(request)
        return events.select_related("user", "actor")

    @admin.display(description=_("by"), empty_value="-")
    def acted_by(self, event: AuditEvent) -> str:
        """Staff or a command; nothing for whoever acted for themselves."""
        return f"{event.by} {event.actor or ''}".strip()

    def find(
        self, request: HttpRequest, queryset: models.QuerySet[AuditEvent], search_term: str
    ) -> tuple[models.QuerySet[AuditEvent], bool]:
        """Find users and clients first, and their events by their ids: the trail is long, and has indexes for these."""
        for word in search_term.split():
            users = list(_users_called(word)[:MOST_FOUND])
            clients = list(_clients_called(word)[:MOST_FOUND])
            if users or clients:
                queryset = queryset.filter(
                    models.Q(user_id__in=users) | models.Q(actor_id__in=users) | models.Q(client_id__in=clients)
                )
            else:
                queryset = queryset.filter(reference=word)
        return queryset, False


def _users_called(word: str) -> models.QuerySet[Any, Any]:
    named = models.Q(*[(f"{name}__icontains", word) for name in user_names()], _connector=models.Q.OR)
    users = get_user_model()
    return (
        users._default_manager.using(database.primary(users)).filter(named).order_by("pk").values_list("pk", flat=True)
    )


def _clients_called(word: str) -> models.QuerySet[Any, Any]:
    named = models.Q(name__icontains=word) | models.Q(client_id__icontains=word)
    return Client.objects.filter(named).order_by("pk").values_list("client_id", flat=True)
