"""Consents and live connections in the admin: staff see which apps act for which users, and can stop them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import database, signals
from ..models import Consent, Grant, Registration, Resource
from ..models.consent import not_ended
from ..people import connections as people
from ..protocol.resource_indicators import read
from . import moments
from .live_grants import CountedDeletion, count_of_live, live_grants
from .model_admin import CheckedChangeList, ModelAdmin, lines
from .name_search import clients_named, users_named
from .read_only import ReadOnly

MOST_LOOKED_AT = 2_000  # the latest consents: of all, of a client, or of a word of a search
MOST_APIS = 100  # in the filter by API
BY_OPERATOR = "operator"
ORDER = ("-given_at", "-pk")


@dataclass(frozen=True, kw_only=True)
class Latest:
    """
    The latest consents, found with the index on given_at.

    Attributes:
        keys: primary keys, the latest first.
        conditions: one for each word of a search; a consent meets all of them.
        until: given_at of the earliest consent that was read, if there may be earlier ones.
    """

    keys: list[UUID]
    conditions: list[models.Q]
    until: datetime | None

    @classmethod
    def of(cls, consents: models.QuerySet[Consent], words: Sequence[str]) -> "Latest":
        """Find the latest of some consents, or only those of the users and clients that a search names."""
        kinds, conditions = [consents], []
        for word in words:
            users, clients = users_named(word), clients_named(word, column="pk")
            conditions.append(models.Q(user_id__in=users) | models.Q(client_id__in=clients))
            kinds += [consents.filter(user_id=pk) for pk in users] + [consents.filter(client_id=pk) for pk in clients]
        found: dict[UUID, datetime] = {}
        until: list[datetime] = []
        for each in kinds[1:] if words else kinds:
            rows = list(each.order_by(*ORDER).values_list("pk", "given_at")[:MOST_LOOKED_AT])
            found |= rows
            until += [rows[-1][1]] if len(rows) == MOST_LOOKED_AT else []
        return cls(keys=list(found), conditions=conditions, until=max(until, default=None))

    def among(self, consents: models.QuerySet[Consent]) -> models.QuerySet[Consent]:
        """Restrict a queryset to these consents and to the search."""
        found = consents.filter(pk__in=self.keys)
        for each in self.conditions:
            found = found.filter(each)
        return found


class LatestChangeList(CheckedChangeList):
    """A list of the latest rows. The page says how far back it looked."""

    looked_until: datetime | None = None

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        found = super().get_queryset(request, *args, **kwargs)
        latest: Latest | None = getattr(request, "oauth_service_latest", None)
        self.looked_until = latest.until if latest else None
        return found

    @property
    def bounds(self) -> str:
        """A sentence for the page that says how far back it looked; empty if it looked at everything."""
        if self.looked_until is None:
            return ""
        sentence = _(
            "Search and filters looked at the latest %(most)s apps that people have connected, back to %(moment)s. There may be "
            "earlier ones that match."
        )
        moment = moments.in_full(self.looked_until)
        return sentence % {"most": number_format(MOST_LOOKED_AT, force_grouping=True), "moment": moment}


class ConsentChangeList(LatestChangeList):
    """The inventory, with a link to the list of earlier rows."""

    @property
    def earlier(self) -> str:
        """The query string of the list of earlier rows; empty if there are none."""
        if self.looked_until is None:
            return ""
        return self.get_query_string({UntilFilter.parameter_name: self.looked_until.isoformat()}, [PAGE_VAR])


class GrantInline(ReadOnly, admin.TabularInline):
    """The live connections of a user with an app. Each can be ended on its own page."""

    model = Grant
    fields = ("scope", "resources", "created_at", "refreshed_at", "expires_at")
    readonly_fields = fields
    show_change_link = True
    can_delete = False
    verbose_name_plural = _("live connections")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Grant]:
        grants: models.QuerySet[Grant] = super().get_queryset(request)
        live = grants.filter(expires_at__gt=timezone.now()).select_related("consent__client", "consent__user")
        return live.defer("secret").order_by("-refreshed_at")


class UntilFilter(moments.UntilFilter):
    """Consents that were given up to a moment."""

    column = "given_at"

    def most(self) -> int:
        return MOST_LOOKED_AT

    def help_text(self) -> str:
        sentence = _(
            "This list looks at the latest %(most)d apps that people have connected. Choose an earlier time to see earlier ones."
        )
        return sentence % {"most": MOST_LOOKED_AT}

    def earlier_than(self, changelist: Any) -> datetime | None:
        """The time where the next list begins. After the last page, this is where the list stopped looking."""
        if changelist.show_all or changelist.page_num >= changelist.paginator.num_pages:
            return getattr(changelist, "looked_until", None)
        return super().earlier_than(changelist)


class KindFilter(admin.SimpleListFilter):
    """Filter by the origin of the app. Hidden if the operator registered all of them."""

    title = _("registration")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        if not Registration.objects.exists():
            return []
        return [(BY_OPERATOR, _("Registered by the operator")), *Registration.Kind.choices]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset  # find() applies the condition

    @staticmethod
    def condition(value: str) -> models.Q:
        if value == BY_OPERATOR:
            return models.Q(client__registration__isnull=True)
        return models.Q(client__registration__kind=value)


class ResourceFilter(admin.SimpleListFilter):
    """Filter by API. Hidden if there are none."""

    title = _("API")
    parameter_name = "api"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Resource.objects.order_by("name", "pk").values_list("identifier", "name")[:MOST_APIS])

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset  # find() applies the condition

    @staticmethod
    def condition(value: str) -> models.Q:
        return models.Q(resources__startswith=f"{value} ") | models.Q(resources__contains=f"\n{value} ")


def _ends_in(days: int) -> Any:
    """Make an action that sets the end date of connections."""

    def action(self: "ConsentAdmin", request: HttpRequest, consents: models.QuerySet[Consent]) -> None:
        self.set_end(request, consents, timedelta(days=days))

    def description() -> str:
        return ngettext("Disconnect selected apps in %d day", "Disconnect selected apps in %d days", days) % days

    action.__name__ = f"end_in_{days}"
    # Lazy: this runs at import, before any page has a language.
    return admin.action(description=lazy(description, str)(), permissions=["delete"])(action)


@admin.register(Consent)
class ConsentAdmin(ReadOnly, CountedDeletion):
    """The inventory of consents. To delete one has the effect of “Revoke Access”: everything ends at once."""

    nothing_yet = _("No user has connected an app yet.")
    list_display = (
        "app",
        "user",
        "scope",
        "apis",
        "given_at",
        "last_used_at",
        "ends_at",
        "connections",
    )
    list_display_links = ("app", "user")
    list_filter = (UntilFilter, KindFilter, ResourceFilter)
    list_select_related = ("client__registration", "user")
    search_fields = ("client__client_id",)  # only to show the search field; find() does the search
    search_help_text = _("User, or the app's name or client ID")
    fields = ("client", "kind", "user", "scope", "resources", "given_at", "ends_at")
    readonly_fields = ("kind",)
    date_hierarchy = "given_at"
    linked_lookups = ("client__id__exact",)  # the page of a client links to this
    ordering = ORDER
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    inlines = (GrantInline,)
    actions = (*[_ends_in(span.days) for span in people.SPANS.values()], "end_never")
    tells_of_deletions = True

    def about(self, obj: Consent) -> dict[str, Any]:
        return {"user_id": obj.user_id, "client_id": obj.client.client_id}

    def name_in_history(self, obj: Consent) -> str:
        return f"{obj.client} · {obj.user_id}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConsentChangeList

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Consent]:
        consents: models.QuerySet[Consent] = super().get_queryset(request)
        live = live_grants("consent").values("consent")
        last_used_at = models.Subquery(live.annotate(at=models.Max("refreshed_at")).values("at"))
        standing = consents.filter(not_ended(now=timezone.now())).select_related("client__registration", "user")
        return standing.annotate(live_grants=count_of_live("consent"), last_used=last_used_at)

    def find(
        self, request: HttpRequest, queryset: models.QuerySet[Consent], search_term: str
    ) -> tuple[models.QuerySet[Consent], bool]:
        """
        Find the latest consents with an index, then apply the other filters to these.

        No page reads more rows, however many consents there are.
        """
        latest = Latest.of(queryset, search_term.split())
        request.oauth_service_latest = latest  # type: ignore[attr-defined]
        found = latest.among(queryset)
        for each in (KindFilter, ResourceFilter):
            if value := request.GET.get(each.parameter_name):
                found = found.filter(each.condition(value))
        return found, False

    @admin.display(description=_("client"), ordering="client")
    def app(self, consent: Consent) -> str:
        """The app and its origin."""
        return lines(consent.client, self.kind(consent))

    @admin.display(description=_("registration"))
    def kind(self, consent: Consent) -> str:
        """The origin of the app."""
        registration = getattr(consent.client, "registration", None)
        return str(registration.get_kind_display() if registration else _("Registered by the operator"))

    @admin.display(description=_("APIs"), empty_value="-")
    def apis(self, consent: Consent) -> str:
        """The identifiers of the APIs, each with the scope that was allowed there."""
        return "; ".join(f"{identifier} ({scope})" for identifier, scope in read(consent.resources).items())

    @admin.display(description=_("last used"))
    def last_used_at(self, consent: Consent) -> Any:
        """The last time that one of the live connections got tokens."""
        return getattr(consent, "last_used", None)

    @admin.display(description=_("connections"))
    def connections(self, consent: Consent) -> int:
        """The number of live grants."""
        return int(getattr(consent, "live_grants", 0))

    @admin.action(description=_("Remove the end date of selected apps"), permissions=["delete"])
    def end_never(self, request: HttpRequest, consents: models.QuerySet[Consent]) -> None:
        """Remove the end dates of consents."""
        self.set_end(request, consents, None)

    def set_end(self, request: HttpRequest, consents: models.QuerySet[Consent], span: timedelta | None) -> None:
        """Set the end date of consents, or remove it. A consent that client or server end earlier is not changed."""
        now = timezone.now()

        def write() -> tuple[int, int]:
            changed = unchanged = 0
            for consent in consents.select_related("client"):
                most = people.longest(consent.client)
                before, ends_at = consent.ends_at, now + span if span else None
                if span and most and span >= most:
                    unchanged += 1
                elif before != ends_at and Consent.objects.set_end(consent.pk, ends_at, now=now):
                    changed += 1
                    self.log_change(
                        request, consent, f"ends_at: {people.end_as_text(before)} → {people.end_as_text(ends_at)}"
                    )
            return changed, unchanged

        changed, unchanged = database.run_transaction(write)
        sentence = ngettext("The end date of %d app was changed.", "The end date of %d apps was changed.", changed)
        messages.success(request, sentence % changed)
        if unchanged:
            sentence = ngettext(
                "%d app was not changed: a limit of the client or server ends its connections earlier.",
                "%d apps were not changed: a limit of the client or server ends their connections earlier.",
                unchanged,
            )
            messages.warning(request, sentence % unchanged)

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
    """Live connections, each of one user, client and device. To delete one ends all its tokens."""

    nothing_yet = _("No app is connected at the moment.")
    list_display = ("client", "user", "created_at", "refreshed_at", "expires_at")
    list_display_links = ("client", "user")
    search_help_text = _("User, or the app's name or client ID")
    fields = ("client", "user", "scope", "resources", "created_at", "refreshed_at", "expires_at")
    ordering = ("-refreshed_at",)
    search_fields = ("consent__client__client_id",)  # only to show the search field; find() does the search
    show_full_result_count = False
    tells_of_deletions = True

    def about(self, obj: Grant) -> dict[str, Any]:
        consent = obj.consent
        return {"user_id": consent.user_id, "client_id": consent.client.client_id, "grant_id": obj.pk}

    def name_in_history(self, obj: Grant) -> str:
        return f"{obj.consent.client} · {obj.consent.user_id}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LatestChangeList

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Grant]:
        # Filtered by the user: a count would leave out a join that only reads columns.
        live = Grant.objects.live(now=timezone.now()).filter(consent__user__isnull=False)
        return live.defer("secret").order_by(*self.ordering)

    def find(
        self, request: HttpRequest, queryset: models.QuerySet[Grant], search_term: str
    ) -> tuple[models.QuerySet[Grant], bool]:
        """Find the connections of the latest consents. There is no index on the last use: each use would have to update it."""
        latest = Latest.of(Consent.objects.all(), search_term.split())
        request.oauth_service_latest = latest  # type: ignore[attr-defined]
        return queryset.filter(consent_id__in=latest.keys), False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [str(grant) for grant in objs]
        return names, {_("connections"): len(names)}, set(), []

    @admin.display(description=_("client"), ordering="consent__client__name")
    def client(self, grant: Grant) -> str:
        """The name of the app."""
        return str(grant.consent.client)

    @admin.display(description=_("user"))
    def user(self, grant: Grant) -> str:
        """The user of the connection."""
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
