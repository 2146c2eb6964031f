"""What staff may filter a list by."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ..models.secret_columns import leads_to_secret


class NoSecretLookups(admin.ModelAdmin):
    """
    Answers 400 to an address that filters by a secret column, as Django does to other filters that are not allowed.

    Django would allow any column of the model's own. The columns refuse by themselves, too, for lists of the host project's.
    """

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if leads_to_secret(self.model, lookup):
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]
