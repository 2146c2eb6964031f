"""Waiting devices in the admin."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..models import DeviceCode
from .model_admin import ModelAdmin
from .read_only import ReadOnly


@admin.register(DeviceCode)
class DeviceCodeAdmin(ReadOnly, ModelAdmin):
    """Devices that wait for a decision, without their codes. To delete one denies it; the device gets an error."""

    nothing_yet = _("No device is waiting for a user at the moment.")
    list_display = ("client", "scope", "resources", "address", "requested_at", "expires_at")
    list_select_related = ("client",)
    search_fields = ("client__client_id", "client__name")
    search_help_text = _("The app's name or client ID")
    fields = list_display
    ordering = ("-requested_at", "-pk")

    def has_module_permission(self, request: HttpRequest) -> bool:
        # Without device authorization there is no page.
        return conf.DEVICE_AUTHORIZATION() and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.DEVICE_AUTHORIZATION() and super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.DEVICE_AUTHORIZATION() and super().has_delete_permission(request, obj)

    def about(self, obj: DeviceCode) -> dict[str, Any]:
        return {"client_id": obj.client.client_id}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[DeviceCode]:
        # Filtered by the client, as a row without one is void: a count would leave out a join that only reads columns.
        waiting = DeviceCode.objects.undecided(now=timezone.now()).filter(client__client_id__isnull=False)
        return waiting.select_related("client").defer("secret").order_by(*self.ordering)
