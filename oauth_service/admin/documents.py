"""Fetched documents in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ..models import Document
from .model_admin import ModelAdmin
from .read_only import ReadOnly


@admin.register(Document)
class DocumentAdmin(ReadOnly, ModelAdmin):
    """Copies of documents that clients publish, with the reason of a failed fetch. A deleted copy is fetched again."""

    nothing_yet = _("This server has not fetched a document yet.")
    list_display = ("url", "kind", "fetched_at", "fresh_until", "last_error")
    list_filter = ("kind",)
    fields = list_display
    search_fields = ("url",)
    search_help_text = _("URL")
    ordering = ("kind", "url")
