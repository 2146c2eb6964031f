"""Documents of others in the admin."""

from django.contrib import admin

from ..models import Document
from .model_admin import ModelAdmin
from .read_only import ReadOnly


@admin.register(Document)
class DocumentAdmin(ReadOnly, ModelAdmin):
    """What clients publish at URLs of their own, and why a fetch has failed. To delete a copy has it fetched anew."""

    list_display = ("url", "kind", "fetched_at", "fresh_until", "last_error")
    list_filter = ("kind",)
    fields = list_display
    search_fields = ("url",)
    ordering = ("kind", "url")
