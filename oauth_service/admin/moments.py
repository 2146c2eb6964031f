"""Lists in the admin that begin with the latest rows and link to earlier ones. No page reads all rows."""

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UntilFilter(admin.SimpleListFilter):
    """Filter of rows up to a given time. The next list begins where this one ends."""

    title = _("date and time")
    parameter_name = "until"
    template = "admin/oauth_service/until_filter.html"
    column = "at"

    def most(self) -> int:
        """Return the maximum number of rows of a list."""
        raise NotImplementedError

    def help_text(self) -> str:
        """A sentence about the rows of a list; "" for the sentence of the audit trail."""
        return ""

    def earlier_than(self, changelist: Any) -> datetime | None:
        """The time of the last row of a page; None if there are no rows."""
        last = next(iter(reversed(changelist.result_list)), None)
        return getattr(last, self.column) if last else None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("", "")]  # Django hides a filter without choices

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the values for the form in the template, and the parameters of the URL that it keeps."""
        kept = [(name, value) for name, values in changelist.get_filters_params().items() for value in values]
        kept += [(SEARCH_VAR, changelist.query)] if changelist.query else []
        moment = timezone.localtime(moment_of(value)) if (value := self.value()) else None
        earlier = self.earlier_than(changelist)
        yield {
            "moment": moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else "",
            "kept": [each for each in kept if each[0] != self.parameter_name],
            "most": self.most(),
            "help": self.help_text(),
            "latest": changelist.get_query_string(remove=[self.parameter_name, PAGE_VAR]),
            "earlier": changelist.get_query_string({self.parameter_name: earlier.isoformat()}, [PAGE_VAR])
            if earlier
            else "",
        }

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(**up_to_moment(request, self.column))


def in_full(moment: datetime) -> str:
    """Format a time to the second, with its time zone: 2026-03-01 12:00:00 UTC."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def up_to_moment(request: HttpRequest, column: str) -> dict[str, Any]:
    """The condition for the time in the URL; empty if the URL has none."""
    text = request.GET.get(UntilFilter.parameter_name)
    return {f"{column}__lte": moment_of(text)} if text else {}


def moment_of(text: str) -> datetime:
    """
    Parse the time in a URL.

    Raises:
        IncorrectLookupParameters: the text is malformed, or the year is out of range.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise IncorrectLookupParameters(fault) from fault
    if not MINYEAR < moment.year < MAXYEAR:  # the time zone may move it by a day
        raise IncorrectLookupParameters(f"year {moment.year}")
    return moment if moment.tzinfo else timezone.make_aware(moment)
