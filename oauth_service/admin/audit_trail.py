"""The audit trail in the admin."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..models import AuditEvent
from ..models.audit_event import Event, RowFilter
from ..watch.audit import OUTCOMES
from . import moments
from .model_admin import ModelAdmin, lines
from .name_search import clients_named, users_named
from .read_only import ReadOnly

MOST_SHOWN = 1_000  # events for each word of a search, or for the filters


class UntilFilter(moments.UntilFilter):
    """Events up to a moment."""

    def most(self) -> int:
        return MOST_SHOWN


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, ModelAdmin):
    """The audit trail. Staff can neither edit nor delete events; the sweep deletes them when their time is over."""

    nothing_yet = _("No event has been recorded yet.")
    list_display = ("when", "what", "who", "client_id", "reason", "reference")
    list_filter = (UntilFilter, "event", "outcome")
    list_select_related = ("user", "actor")
    search_fields = ("client_id",)  # only to show the search field; find() does the search
    search_help_text = _("User, the app's name or client ID, or the reference of an error page")
    fields = (
        *("when", "event", "outcome", "user", "client_id", "acted_by", "address", "reason", "event_count", "last"),
        *("reference", "scope", "grant_id", "changes"),
    )
    readonly_fields = ("when", "acted_by", "last")
    # No date_hierarchy and no facets: for these, Django would read every row.
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AuditEvent]:
        # Joined: a user who has been deleted meanwhile is then None, and not an error.
        events: models.QuerySet[AuditEvent] = super().get_queryset(request)
        return events.select_related("user", "actor")

    @admin.display(description=_("date and time"), ordering="at")
    def when(self, event: AuditEvent) -> str:
        """The time to the second, with its time zone. A narrow column breaks it after the date."""
        date, time = moments.in_full(event.at).split(" ", 1)
        return format_html('<span class="oauth-nowrap">{}</span> <span class="oauth-nowrap">{}</span>', date, time)

    @admin.display(description=_("time of the latest event"))
    def last(self, event: AuditEvent) -> str:
        """The time of the latest event that the row counts; "-" for a single event."""
        return moments.in_full(event.last_at) if event.last_at else "-"

    @admin.display(description=_("event"), ordering="event")
    def what(self, event: AuditEvent) -> str:
        """The event, its outcome, and the number of events if the row counts several."""
        times = ngettext("%d time", "%d times", event.event_count) % event.event_count
        return lines(event.get_event_display(), event.get_outcome_display(), times if event.event_count > 1 else "")

    @admin.display(description=_("user"), ordering="user")
    def who(self, event: AuditEvent) -> str:
        """The user, who acted if that was someone else, and the address."""
        by = _actor(event)
        return lines(str(event.user or "-"), _("by %(name)s") % {"name": by} if by else "", event.address)

    @admin.display(description=_("performed by"))
    def acted_by(self, event: AuditEvent) -> str:
        """Staff, a command or an end date; "-" if the user acted."""
        return _actor(event) or "-"

    def find(
        self, request: HttpRequest, queryset: models.QuerySet[AuditEvent], search_term: str
    ) -> tuple[models.QuerySet[AuditEvent], bool]:
        """
        Find users and clients first, then the latest events of each, with an index.

        No page reads more of the trail, however long it is.
        """
        until, events = moments.up_to_moment(request, "at"), _events_asked_for(request)
        shown: set[Any] = set()
        kinds: list[Mapping[str, Any]] = (
            [{"event": event} for event in events] if until or _is_filtered(request) else [{}]
        )
        for word in search_term.split():
            users = users_named(word)
            clients = clients_named(word)
            if users or clients:
                queryset = queryset.filter(
                    models.Q(user_id__in=users) | models.Q(actor_id__in=users) | models.Q(client_id__in=clients)
                )
                whose = [{"user_id": pk} for pk in users] + [{"client_id": client_id} for client_id in clients]
                kinds = [each | {"event": event} for each in whose for event in events]
                kinds += [{"actor_id": pk} for pk in users]
            else:
                queryset = queryset.filter(reference=word)
                kinds = [{"reference": word}]
            shown |= _latest(kinds, until)
        if not search_term.split():
            shown = _latest(kinds, until)
        return queryset.filter(pk__in=shown), False


def _actor(event: AuditEvent) -> str:
    """Return the actor in the language of the page; empty if the user acted. The row and the log have English words."""
    by, command = event.by, event.by.removeprefix("command ")
    if by == "staff":
        by = str(_("staff"))
    elif by == "end date":
        by = str(_("end date"))
    elif command != by:
        by = _("command %(name)s") % {"name": command}
    return f"{by} {event.actor or ''}".strip()


def _is_filtered(request: HttpRequest) -> bool:
    return any(name.partition("__")[0] in ("event", "outcome") for name in request.GET)


def _events_asked_for(request: HttpRequest) -> list[str]:
    # These rows are read. The filters themselves then decide which of them are shown.
    def asked(name: str) -> set[str]:
        return {*request.GET.getlist(name), *request.GET.getlist(f"{name}__exact")}

    named, outcomes = asked("event"), asked("outcome")
    return [
        event.value
        for event in Event
        if (not named or event.value in named) and (not outcomes or OUTCOMES[event] in outcomes)
    ]


def _latest(kinds: list[Mapping[str, Any]], until: Mapping[str, Any]) -> set[Any]:
    if not kinds:
        return set()
    if kinds == [{}]:  # in the order of the primary key, which has an index
        return set(AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[:MOST_SHOWN])
    return AuditEvent.objects.latest_keys_of(
        [RowFilter({**each, **until}, MOST_SHOWN) for each in kinds], most=MOST_SHOWN
    )
