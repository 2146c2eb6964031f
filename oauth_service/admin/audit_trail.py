"""The audit trail in the admin."""

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import database
from ..models import AuditEvent, Client
from ..models.audit_event import Event, Kind
from ..watch.audit import OUTCOMES
from .model_admin import ModelAdmin
from .read_only import ReadOnly
from .user_fields import user_names

MOST_FOUND = 5  # users, and clients, whose events one word of a search shows
MOST_SHOWN = 1_000  # events of one word of a search, or of the filters


class UntilFilter(admin.SimpleListFilter):
    """Events up to a moment: where a list ends, the next one begins."""

    title = _("moment")
    parameter_name = "until"
    template = "admin/oauth_service/until_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("", "")]  # Django leaves a filter out that has none

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield what the template's form shows, and what it keeps of the URL of the page that it is on."""
        kept = [(name, value) for name, values in changelist.get_filters_params().items() for value in values]
        kept += [(SEARCH_VAR, changelist.query)] if changelist.query else []
        moment = timezone.localtime(_moment(value)) if (value := self.value()) else None
        last = next(iter(reversed(changelist.result_list)), None)
        yield {
            "moment": moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else "",
            "kept": [each for each in kept if each[0] != self.parameter_name],
            "most": MOST_SHOWN,
            "latest": changelist.get_query_string(remove=[self.parameter_name, PAGE_VAR]),
            "earlier": changelist.get_query_string({self.parameter_name: last.at.isoformat()}, [PAGE_VAR])
            if last
            else "",
        }

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(**_up_to_moment(request))


def _up_to_moment(request: HttpRequest) -> dict[str, Any]:
    """The condition that the URL's moment means; none without one."""
    text = request.GET.get(UntilFilter.parameter_name)
    return {"at__lte": _moment(text)} if text else {}


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise IncorrectLookupParameters(fault) from fault
    if not MINYEAR < moment.year < MAXYEAR:  # in UTC it may be a day before or after
        raise IncorrectLookupParameters(f"year {moment.year}")
    return moment if moment.tzinfo else timezone.make_aware(moment)


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
    list_filter = (UntilFilter, "event", "outcome")
    list_select_related = ("user", "actor")
    search_fields = ("client_id",)  # so that there is a field to search with; get_search_results() says how
    search_help_text = _("User, the app's name or client ID, or the reference of an error page")
    fields = (*list_display, "scope", "grant_id", "changes", "last_at")
    # No date_hierarchy and no facets: Django would read every row for them.
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-pk",)
    list_per_page = 50
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
        """
        Find users and clients first, and the latest events of each by its index: no page reads more of the trail, however long
        it is.
        """
        until, events = _up_to_moment(request), _events_asked_for(request)
        shown: set[Any] = set()
        kinds: list[Mapping[str, Any]] = (
            [{"event": event} for event in events] if until or _is_filtered(request) else [{}]
        )
        for word in search_term.split():
            users = _users_called(word)
            clients = _clients_called(word)
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


def _is_filtered(request: HttpRequest) -> bool:
    return any(name.partition("__")[0] in ("event", "outcome") for name in request.GET)


def _events_asked_for(request: HttpRequest) -> list[str]:
    # Which rows are looked at; the filters themselves decide which of these are shown.
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
    if kinds == [{}]:  # as they were written: the key's own index serves it
        return set(AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[:MOST_SHOWN])
    return AuditEvent.objects.latest_keys_of([Kind({**each, **until}, MOST_SHOWN) for each in kinds], most=MOST_SHOWN)


def _users_called(word: str) -> list[Any]:
    users = get_user_model()
    named = models.Q(*[(f"{name}__icontains", word) for name in user_names()], _connector=models.Q.OR)
    found = users._default_manager.using(database.primary(users)).order_by("pk").values_list("pk", flat=True)
    return _first(found, models.Q(**{users.USERNAME_FIELD: word}), named)


def _clients_called(word: str) -> list[str]:
    named = models.Q(name__icontains=word) | models.Q(client_id__icontains=word)
    found = Client.objects.order_by("pk").values_list("client_id", flat=True)
    return _first(found, models.Q(client_id=word), named)


def _first(found: models.QuerySet[Any, Any], exactly: models.Q, alike: models.Q) -> list[Any]:
    """Whoever has the very name; else the first of those whose names contain it."""
    return list(found.filter(exactly)[:MOST_FOUND]) or list(found.filter(alike)[:MOST_FOUND])
