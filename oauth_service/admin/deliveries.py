"""Sign-out messages in the admin that clients have not accepted yet."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..models import Delivery
from .model_admin import ModelAdmin
from .read_only import ReadOnly


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, ModelAdmin):
    """Undelivered messages. A delivered message is deleted; one that the server has given up stays for a week."""

    nothing_yet = _("No message is waiting: clients have accepted all of them.")
    list_display = ("client", "created_at", "attempts", "next_at", "last_error")
    list_filter = ("attempts",)
    list_select_related = ("client",)
    search_fields = ("client__client_id", "client__name")
    search_help_text = _("The app's name or client ID")
    fields = list_display
    ordering = ("-attempts", "-created_at", "-pk")  # first the messages with the most failed attempts

    def has_module_permission(self, request: HttpRequest) -> bool:
        # Without OpenID Connect there are no messages, and so no page.
        return conf.is_openid() and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.is_openid() and super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.is_openid() and super().has_delete_permission(request, obj)
