"""The base ModelAdmin of this app: it only accepts query strings that its pages link to, and none causes an error."""

from datetime import MAXYEAR, MINYEAR
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from .. import database
from ..models.secret_columns import leads_to_secret
from .events import EventfulAdmin

LONGEST_SEARCH = 200  # characters; databases refuse a pattern of thousands
MOST_WORDS = 10  # in a search: each adds a condition, and five statements in the audit trail
PARTS_OF_A_DATE = ("year", "month", "day")


class CheckedChangeList(ChangeList):
    """Treats values that no column can have as Django treats wrong lookups: with a redirect."""

    model_admin: "ModelAdmin"

    def get_filters(self, request: HttpRequest) -> Any:
        # Some databases refuse a text that contains NUL.
        if any("\0" in text for name, values in self.filter_params.items() for text in (name, *values)):
            raise IncorrectLookupParameters("a NUL")
        year = self.params.get(f"{self.date_hierarchy}__year")
        try:
            # Django compares with the next year, and with midnight in the time zone.
            if year is not None and not MINYEAR < int(year) < MAXYEAR:
                raise IncorrectLookupParameters(f"year {year}")
            filters = super().get_filters(request)
            for lookup, values in filters[2].items():
                self._check(lookup, values)
        except (ValueError, OverflowError, ValidationError) as fault:
            raise IncorrectLookupParameters(fault) from fault
        return filters

    def _check(self, lookup: str, values: Any) -> None:
        if lookup in self.model_admin.linked_lookups:
            field = get_fields_from_path(self.model, lookup.removesuffix("__exact"))[-1]
            for value in values:
                field.clean(value, None)  # not every lookup refuses a number that is too large for the column


def lines(first: Any, *others: Any) -> str:
    """Return the lines of one cell of a list, without the empty ones."""
    rest = format_html_join("", '<span class="oauth-second">{}</span>', [(each,) for each in others if each])
    return format_html("{}{}", first, rest)


class ModelAdmin(EventfulAdmin):
    """
    Base of every ModelAdmin of this app.

    Staff can filter by list_filter, date_hierarchy and linked_lookups. Django itself allows every lookup of every column: a
    regular expression could reveal a column that no page shows, and a malformed one causes an error.
    """

    class Media:
        css = {"all": ["oauth_service/admin.css"]}
        js = ["oauth_service/admin.js"]

    nothing_yet: Any = ""
    """A sentence for a list without rows. A search or filter without results has a sentence of its own."""

    linked_lookups: tuple[str, ...] = ()
    """Lookups in links on our pages; each ends with __exact."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CheckedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Fill in a form from a link. Malformed times are left out, because Django's widgets would fail."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        for field in self.opts.concrete_fields:
            if isinstance(field, models.DateField) and field.name in initial:
                try:
                    initial[field.name] = field.to_python(initial[field.name])
                except ValidationError:
                    del initial[field.name]
        return initial

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        # Otherwise Django would read the choices of a field, and check a choice, on a replica.
        related = db_field.remote_field.model
        alias = db or database.primary(related)
        ordered = super().get_field_queryset(alias, db_field, request)
        return related._default_manager.using(alias) if ordered is None else ordered

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if leads_to_secret(self.model, lookup):
            return False  # even if a project puts it into list_filter
        filters = [each for each in self.list_filter if isinstance(each, str)]
        dates = [f"{self.date_hierarchy}__{part}" for part in PARTS_OF_A_DATE] if self.date_hierarchy else []
        named = [str(getattr(each, "parameter_name", "")) for each in self.list_filter if not isinstance(each, str)]
        linked = [*dates, *named, *self.linked_lookups]
        return lookup in linked or any(lookup in (name, f"{name}__exact", f"{name}__isnull") for name in filters)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Return nothing for a term that cannot be searched for. The autocomplete view does not check it."""
        if "\0" in search_term:
            return queryset.none(), False
        if len(search_term) > LONGEST_SEARCH or len(search_term.split()) > MOST_WORDS:
            sentence = _("Search for %(words)d words or fewer, and %(characters)d characters at most.")
            messages.warning(request, sentence % {"words": MOST_WORDS, "characters": LONGEST_SEARCH})
            return queryset.none(), False
        found: tuple[models.QuerySet[Any], bool] = self.find(request, queryset, search_term)
        return found

    def find(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Search as Django does. Subclasses override it."""
        return super().get_search_results(request, queryset, search_term)
