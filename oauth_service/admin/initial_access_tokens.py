"""Initial access tokens in the admin. A token is shown once, then never again."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..clients.registration import INITIAL_PREFIX
from ..models import InitialAccessToken
from ..protocol import token_digest
from ..protocol.secret import Secret
from ..web.reports import redacted_reports
from .model_admin import ModelAdmin

_TOKEN_ATTRIBUTE = "oauth_service_token"


@admin.register(InitialAccessToken)
class InitialAccessTokenAdmin(ModelAdmin):
    """Tokens that allow their holders to register clients."""

    nothing_yet = _("There are no tokens yet. Add one for each person or program that may register clients.")
    list_display = ("name", "is_active", "expires_at", "uses_left", "last_used_at", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name",)
    search_help_text = _("Name")
    fields = ("name", "expires_at", "uses_left", "is_active")
    ordering = ("-created_at", "-pk")

    def has_module_permission(self, request: HttpRequest) -> bool:
        # Without registration there are no initial access tokens, and so no page.
        return bool(conf.REGISTRATION()) and super().has_module_permission(request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, AdminSplitDateTime):
            # The label of the field belongs to neither of the two inputs.
            for widget, part in zip(field.widget.widgets, (_("date"), _("time")), strict=True):
                widget.attrs["aria-label"] = format_lazy("{}: {}", db_field.verbose_name, part)
        return field

    def save_model(self, request: HttpRequest, obj: InitialAccessToken, form: Any, change: bool) -> None:
        if not change:
            token = Secret(token_digest.new_token(INITIAL_PREFIX))
            obj.digest = token_digest.digest_of(token)
            setattr(request, _TOKEN_ATTRIBUTE, token)
        # Save only the changed fields: the token may have been used meanwhile.
        obj.save(update_fields=[*form.changed_data] if change else None)

    @redacted_reports()
    def response_add(
        self, request: HttpRequest, obj: InitialAccessToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token in the response itself: for a redirect, it would have to be stored."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Initial access token"),
            "subtitle": str(obj),
            "opts": self.opts,
            "token": getattr(request, _TOKEN_ATTRIBUTE),
        }
        request.current_app = self.admin_site.name  # {% url %} reads it
        return render(request, "admin/oauth_service/initialaccesstoken/token.html", context)
