"""ModelAdmin of this app's own: a query string names nothing but what the pages link to, and none of them is a failure."""

from datetime import MAXYEAR, MINYEAR
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import database
from ..models.secret_columns import leads_to_secret
from .events import EventfulAdmin

LONGEST_SEARCH = 200  # characters; databases refuse a pattern of thousands
MOST_WORDS = 10  # of a search: each is one more condition, and in the audit trail five more statements
PARTS_OF_A_DATE = ("year", "month", "day")


class CheckedChangeList(ChangeList):
    """Turns values that no column can have into Django's own answer to wrong lookups, which is a redirect."""

    model_admin: "ModelAdmin"

    def get_filters(self, request: HttpRequest) -> Any:
        # Some databases have no text with a NUL in it, and refuse the statement.
        if any("\0" in text for name, values in self.filter_params.items() for text in (name, *values)):
            raise IncorrectLookupParameters("a NUL")
        year = self.params.get(f"{self.date_hierarchy}__year")
        try:
            # Django looks up to the next year, and from the time zone's midnight.
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
                field.clean(value, None)  # not every lookup minds a number that the column's type has no room for


class ModelAdmin(EventfulAdmin):
    """
    Base of every ModelAdmin of this app.

    Staff filter by list_filter, date_hierarchy and linked_lookups. Django admits every lookup of every column: what a regular
    expression finds in a column that no page shows tells what is in it, and one that is malformed is a failure.
    """

    class Media:
        css = {"all": ["oauth_service/admin.css"]}
        js = ["oauth_service/admin.js"]

    linked_lookups: tuple[str, ...] = ()
    """Lookups that a link on a page of ours has; each ends with __exact."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CheckedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Let a link fill in a form; a moment that is none is left out, where Django's widgets would fail."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        for field in self.opts.concrete_fields:
            if isinstance(field, models.DateField) and field.name in initial:
                try:
                    initial[field.name] = field.to_python(initial[field.name])
                except ValidationError:
                    del initial[field.name]
        return initial

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        # Left to Django, the rows that a field offers, and those that it holds a choice against, are read from a replica.
        related = db_field.remote_field.model
        alias = db or database.primary(related)
        ordered = super().get_field_queryset(alias, db_field, request)
        return related._default_manager.using(alias) if ordered is None else ordered

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if leads_to_secret(self.model, lookup):
            return False  # whatever a project puts into list_filter
        filters = [each for each in self.list_filter if isinstance(each, str)]
        dates = [f"{self.date_hierarchy}__{part}" for part in PARTS_OF_A_DATE] if self.date_hierarchy else []
        named = [str(getattr(each, "parameter_name", "")) for each in self.list_filter if not isinstance(each, str)]
        linked = [*dates, *named, *self.linked_lookups]
        return lookup in linked or any(lookup in (name, f"{name}__exact", f"{name}__isnull") for name in filters)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Find nothing with a term that cannot be searched for; the autocomplete view hands it on as it came."""
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
        """Search as Django does; for a subclass to search in another way."""
        return super().get_search_results(request, queryset, search_term)
