"""APIs in the admin: their scopes, and the clients that can ask for them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..models import Resource
from .model_admin import ModelAdmin


class ForAllFilter(admin.BooleanFieldListFilter):
    """Filter of APIs that every client can ask for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("availability to every client")


@admin.register(Resource)
class ResourceAdmin(ModelAdmin):
    """APIs (resources)."""

    nothing_yet = _("No API is registered yet. Add a resource for each API that has its own scopes.")
    list_display = ("name", "identifier", "format_of_tokens", "is_for_all", "is_active")
    list_filter = ("is_active", "is_for_all", "token_format")
    search_fields = ("name", "identifier")
    search_help_text = _("Name or identifier")
    ordering = ("name", "pk")
    filter_horizontal = ("clients",)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [(name, ForAllFilter) if name == "is_for_all" else name for name in self.list_filter]

    def get_exclude(self, request: HttpRequest, obj: Resource | None = None) -> Any:
        # Without keys there are no JWTs.
        return None if conf.is_openid() else ("token_format", "signing_alg")

    @admin.display(description=_("token format"), ordering="token_format")
    def format_of_tokens(self, resource: Resource) -> str:
        """The token format in one word; the choices in the form are longer."""
        return "JWT" if resource.token_format == Resource.TokenFormat.JWT else str(_("Opaque"))

    def about(self, obj: Resource) -> dict[str, Any]:
        return {}
