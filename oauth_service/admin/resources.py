"""APIs in the admin: their scopes, and who may ask for them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..models import Resource
from .model_admin import ModelAdmin


@admin.register(Resource)
class ResourceAdmin(ModelAdmin):
    """Resources."""

    list_display = ("name", "identifier", "token_format", "is_for_all", "is_active")
    list_filter = ("is_active", "is_for_all", "token_format")
    search_fields = ("name", "identifier")
    search_help_text = _("Name or identifier")
    ordering = ("name", "pk")
    filter_horizontal = ("clients",)

    def get_exclude(self, request: HttpRequest, obj: Resource | None = None) -> Any:
        # Without keys there are no JWTs.
        return None if conf.is_openid() else ("token_format", "signing_alg")

    def about(self, obj: Resource) -> dict[str, Any]:
        return {}
