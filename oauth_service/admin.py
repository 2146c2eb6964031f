"""Django's admin: register a client, rotate its secret, see and end connections. Secrets are shown once, then never again."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from .forms import ClientForm
from .models import Client, Consent


class _ReadOnly:
    """What the server writes is looked at here, not edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ConsentInline(_ReadOnly, admin.TabularInline):
    """Who has connected this app; ending a connection is on the consent's own page."""

    model = Consent
    fields = ("user", "scope", "given_at")
    readonly_fields = fields
    show_change_link = True
    can_delete = False
    max_num = 0
    verbose_name_plural = _("connected people")


@admin.register(Client)
class ClientAdmin(admin.ModelAdmin):
    """Client applications."""

    form = ClientForm
    list_display = ("name", "client_id", "client_type", "operator", "connections", "is_active")
    list_filter = ("is_active", "client_type", "application_type")
    search_fields = ("name", "client_id", "operator", "redirect_uris")
    readonly_fields = ("secret_status", "created_at")
    inlines = (ConsentInline,)
    fieldsets = (
        (_("What people see"), {"fields": ("name", "operator", "client_uri", "policy_uri", "tos_uri")}),
        (_("Who it is"), {"fields": ("client_id", "client_type", "application_type", "secret_status", "is_active")}),
        (
            _("What it may do"),
            {"fields": ("redirect_uris", "scope", "grant_types", "requires_pkce", "remembers_consent")},
        ),
        (None, {"fields": ("created_at",)}),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Client]:
        live = models.Q(consents__grants__expires_at__gt=timezone.now())
        clients: models.QuerySet[Client] = super().get_queryset(request)
        return clients.annotate(live_grants=models.Count("consents__grants", filter=live))

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        # Tokens in the field name their client by it: it stays what it is.
        return (*self.readonly_fields, "client_id") if obj else self.readonly_fields

    def get_inlines(self, request: HttpRequest, obj: Client | None) -> Any:
        return self.inlines if obj else ()

    @admin.display(description=_("connections"), ordering="live_grants")
    def connections(self, client: Client) -> int:
        """Live grants."""
        return int(getattr(client, "live_grants", 0))

    @admin.display(description=_("client secret"))
    def secret_status(self, client: Client) -> str:
        """What is known of the secret, and the way to a new one."""
        if not client.pk:
            return str(_("A confidential client gets one when you save; it is shown once."))
        if client.is_public:
            return str(_("Public clients have none."))
        count = len(client.secret_hashes)
        url = reverse("admin:oauth_service_client_secret", args=[client.pk])
        known = (
            _("None yet.") if not count else _("Set.") if count == 1 else _("Two are good: the old one and the new.")
        )
        return format_html('{} <a href="{}">{}</a>', known, url, _("Rotate or end…"))

    def save_model(self, request: HttpRequest, obj: Client, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.is_public and obj.secret_hashes:
            Client.objects.filter(pk=obj.pk).update(secret_hash="", previous_secret_hash="")

    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        """Answer with the new secret itself: a redirect would have to keep it somewhere on the way."""
        if obj.is_public:
            return super().response_add(request, obj, post_url_continue)
        return self._show_secret(request, obj, Client.objects.rotate_secret(obj))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/secret/", view(self.secret_page), name="oauth_service_client_secret"),
            path("<int:pk>/secret/rotate/", view(require_POST(self.rotate_secret)), name="oauth_service_client_rotate"),
            path(
                "<int:pk>/secret/end-previous/", view(require_POST(self.end_previous)), name="oauth_service_client_end"
            ),
            *super().get_urls(),
        ]

    def secret_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Offer a new secret, and the end of the old one."""
        return self._show_secret(request, self._changeable(request, pk), "")

    def rotate_secret(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new secret and show it this once; the one before stays good until it is ended."""
        client = self._changeable(request, pk)
        secret = Client.objects.rotate_secret(client)
        self.log_change(request, client, "rotated the client secret")
        return self._show_secret(request, client, secret)

    def end_previous(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the newest secret be the only good one."""
        client = self._changeable(request, pk)
        Client.objects.end_previous_secret(client)
        self.log_change(request, client, "ended the previous client secret")
        messages.success(request, _("The previous secret is no longer accepted."))
        return redirect("admin:oauth_service_client_change", pk)

    def _changeable(self, request: HttpRequest, pk: int) -> Client:
        client = get_object_or_404(Client, pk=pk, client_type=Client.ClientType.CONFIDENTIAL)
        if not self.has_change_permission(request, client):
            from django.core.exceptions import PermissionDenied

            raise PermissionDenied
        return client

    def _show_secret(self, request: HttpRequest, client: Client, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Client secret"),
            "subtitle": str(client),
            "opts": self.opts,
            "client": client,
            "secret": secret,
            "has_two": len(client.secret_hashes) == 2,
        }
        response = TemplateResponse(request, "admin/oauth_service/client/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response
