"""Django's admin: register a client, rotate its secret, see and end connections. Secrets are shown once, then never again."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from . import signals
from .forms import ClientForm
from .models import AuditEvent, Client, Consent, Grant

MOST_FOUND = 100  # users, and clients, whose events one search shows


class _ReadOnly:
    """What the server writes is looked at here, not edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _CountsWhatGoes(admin.ModelAdmin):
    """Says before a deletion how much goes with it, instead of listing each row: a client can have a million connections."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [str(each) for each in objs]
        return names, {_("connections"): _live_grants_of(objs)}, set(), []


@admin.register(Client)
class ClientAdmin(_CountsWhatGoes):
    """Client applications."""

    form = ClientForm
    list_display = ("name", "kind", "connections", "is_active", "client_id")
    list_filter = ("is_active", "client_type", "application_type")
    search_fields = ("name", "client_id", "operator", "redirect_uris")
    search_help_text = _("Name, client ID, operator or redirect URI")
    readonly_fields = ("secret_status", "created_at")
    ordering = ("name", "pk")
    actions = ("activate", "deactivate")
    fieldsets = (
        (_("What people see"), {"fields": ("name", "operator", "client_uri", "policy_uri", "tos_uri")}),
        (_("Who it is"), {"fields": ("client_id", "client_type", "application_type", "secret_status", "is_active")}),
        (
            _("What it may do"),
            {"fields": ("redirect_uris", "scope", "grant_types", "requires_pkce", "remembers_consent")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Client]:
        clients: models.QuerySet[Client] = super().get_queryset(request)
        return clients.annotate(live_grants=_count_of_live("consent__client"))

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        # The client is configured with it, and sends it with every request: it stays what it is.
        return (*self.readonly_fields, "client_id") if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Client | None = None) -> Any:
        return (*self.fieldsets, (None, {"fields": ("created_at",)})) if obj else self.fieldsets

    @admin.display(description=_("kind"), ordering="client_type")
    def kind(self, client: Client) -> str:
        """Its type in few words; the choices explain themselves at length."""
        kind = _("Public") if client.is_public else _("Confidential")
        return f"{kind}, {_('native')}" if client.is_native else str(kind)

    @admin.display(description=_("connections"))
    def connections(self, client: Client) -> int:
        """Live grants."""
        return int(getattr(client, "live_grants", 0))

    @admin.display(description=_("client secret"))
    def secret_status(self, client: Client) -> str:
        """What is known of the secret; never the secret."""
        if not client.pk:
            return str(_("A confidential client gets one when you save; it is shown once, then never again."))
        if client.is_public:
            return str(_("Public clients have none."))
        match len(client.secret_hashes):
            case 0:
                return str(_("None: it cannot get tokens until it has one."))
            case 1:
                return str(_("Set. Only its hash is kept."))
            case _many:
                return str(_("Two are good: the new one, and the one before until you end it."))

    def save_model(self, request: HttpRequest, obj: Client, form: ModelForm, change: bool) -> None:
        secrets: tuple[str, ...] = ()
        if obj.is_public:
            obj.secret_hash = obj.previous_secret_hash = ""
            secrets = ("secret_hash", "previous_secret_hash")
        # Only what stands in the form: saving it must not undo a rotation of the secret meanwhile.
        obj.save(update_fields=[*form.cleaned_data, *secrets] if change else None)

    @sensitive_variables()
    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        """Answer with the new secret itself: a redirect would have to keep it somewhere on the way."""
        if obj.is_public:
            return super().response_add(request, obj, post_url_continue)
        return self._show_secret(request, obj, Client.objects.rotate_secret(obj))

    @sensitive_variables()
    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        """Give a client that has become confidential its first secret."""
        if obj.is_public or obj.secret_hashes:
            return super().response_change(request, obj)
        return self._show_secret(request, obj, Client.objects.rotate_secret(obj))

    @admin.action(description=_("Activate selected clients"), permissions=["change"])
    def activate(self, request: HttpRequest, clients: models.QuerySet[Client]) -> None:
        """Let clients act again."""
        self._switch(request, clients, is_active=True)

    @admin.action(description=_("Deactivate selected clients"), permissions=["change"])
    def deactivate(self, request: HttpRequest, clients: models.QuerySet[Client]) -> None:
        """Stop clients and all their tokens at once; activating them again brings all of it back."""
        self._switch(request, clients, is_active=False)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        rotate, end = view(require_POST(self.rotate_secret)), view(require_POST(self.end_previous))
        return [
            path("<int:pk>/secret/", view(self.secret_page), name="oauth_service_client_secret"),
            path("<int:pk>/secret/rotate/", rotate, name="oauth_service_client_rotate"),
            path("<int:pk>/secret/end-previous/", end, name="oauth_service_client_end"),
            *super().get_urls(),
        ]

    def secret_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Offer a new secret, and the end of the old one."""
        return self._show_secret(request, self._changeable(request, pk), "")

    @sensitive_variables()
    def rotate_secret(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new secret and show it this once; the one before stays good until it is ended."""
        client = self._changeable(request, pk)
        with transaction.atomic():
            secret = Client.objects.rotate_secret(client)
            self.log_change(request, client, "Rotated the client secret.")
        return self._show_secret(request, client, secret)

    def end_previous(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the newest secret be the only good one."""
        client = self._changeable(request, pk)
        with transaction.atomic():
            Client.objects.end_previous_secret(client)
            self.log_change(request, client, "Ended the previous client secret.")
        messages.success(request, _("The previous secret is no longer accepted."))
        return redirect(reverse("admin:oauth_service_client_change", args=[pk], current_app=self.admin_site.name))

    def _changeable(self, request: HttpRequest, pk: int) -> Client:
        client = get_object_or_404(Client, pk=pk, client_type=Client.ClientType.CONFIDENTIAL)
        if not self.has_change_permission(request, client):
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
            "secret_count": len(client.secret_hashes),
        }
        request.current_app = self.admin_site.name  # {% url %} reads it
        # Rendered here and not lazily, so that the sensitive_variables() of our callers keeps it out of error reports. Like
        # every page of the admin it is sent with no-store.
        return render(request, "admin/oauth_service/client/secret.html", context)

    def _switch(self, request: HttpRequest, clients: models.QuerySet[Client], *, is_active: bool) -> None:
        with transaction.atomic():
            changed = list(clients.exclude(is_active=is_active))
            for client in changed:
                Client.objects.filter(pk=client.pk).update(is_active=is_active)
                self.log_change(request, client, "Activated." if is_active else "Deactivated.")
        if is_active:
            sentence = ngettext("%d client is active again.", "%d clients are active again.", len(changed))
        else:
            sentence = ngettext("%d client was deactivated.", "%d clients were deactivated.", len(changed))
        messages.success(request, sentence % len(changed))


class GrantInline(_ReadOnly, admin.TabularInline):
    """The devices a person has connected an app from; each can be ended on its own page."""

    model = Grant
    fields = ("scope", "created_at", "refreshed_at", "expires_at")
    readonly_fields = fields
    show_change_link = True
    can_delete = False
    verbose_name_plural = _("live connections")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Grant]:
        grants: models.QuerySet[Grant] = super().get_queryset(request)
        return grants.filter(expires_at__gt=timezone.now()).defer("secret").order_by("-refreshed_at")


@admin.register(Consent)
class ConsentAdmin(_ReadOnly, _CountsWhatGoes):
    """Who has connected which app. Deleting one is what its owner's Revoke button does: all of it ends at once."""

    list_display = ("client", "user", "scope", "given_at", "last_used_at", "connections")
    list_display_links = ("client", "user")
    list_select_related = ("client", "user")
    search_help_text = _("User, or the app's name or client ID")
    fields = ("client", "user", "scope", "given_at")
    date_hierarchy = "given_at"
    ordering = ("-given_at",)
    inlines = (GrantInline,)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*_user_fields("user"), "client__name", "client__client_id")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Consent]:
        consents: models.QuerySet[Consent] = super().get_queryset(request)
        live = _live_grants("consent").values("consent")
        last_used_at = models.Subquery(live.annotate(at=models.Max("refreshed_at")).values("at"))
        return consents.annotate(live_grants=_count_of_live("consent"), last_used=last_used_at)

    @admin.display(description=_("last used"))
    def last_used_at(self, consent: Consent) -> Any:
        """When one of its live connections last got tokens."""
        return getattr(consent, "last_used", None)

    @admin.display(description=_("connections"))
    def connections(self, consent: Consent) -> int:
        """Live grants."""
        return int(getattr(consent, "live_grants", 0))

    def delete_model(self, request: HttpRequest, obj: Consent) -> None:
        self._withdraw(obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Consent]) -> None:
        with transaction.atomic():
            for consent in queryset.select_related("client"):
                self._withdraw(consent)

    def _withdraw(self, consent: Consent) -> None:
        Consent.objects.withdraw(consent)
        signals.announce(signals.app_deauthorised, user_id=consent.user_id, client_id=consent.client.client_id)


@admin.register(Grant)
class GrantAdmin(_ReadOnly, admin.ModelAdmin):
    """Live connections: one user, one client, one device. Deleting one ends every token it ever got."""

    list_display = ("client", "user", "created_at", "refreshed_at", "expires_at")
    list_display_links = ("client", "user")
    search_help_text = _("User, or the app's name or client ID")
    fields = ("client", "user", "scope", "created_at", "refreshed_at", "expires_at")
    ordering = ("-refreshed_at",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*_user_fields("consent__user"), "consent__client__name", "consent__client__client_id")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Grant]:
        # Asked for its consent's user, as a count would leave out a join that is for reading alone.
        live = Grant.objects.with_owner().filter(expires_at__gt=timezone.now(), consent__user__isnull=False)
        return live.defer("secret").order_by(*self.ordering)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [f"{self.client(grant)} · {self.user(grant)} · {grant.created_at:%Y-%m-%d %H:%M}" for grant in objs]
        return names, {_("connections"): len(names)}, set(), []

    @admin.display(description=_("client"), ordering="consent__client__name")
    def client(self, grant: Grant) -> str:
        """The app."""
        return str(grant.consent.client)

    @admin.display(description=_("user"))
    def user(self, grant: Grant) -> str:
        """Whose connection it is."""
        return str(grant.consent.user)

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        self._end(obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Grant]) -> None:
        with transaction.atomic():
            for grant in queryset:
                self._end(grant)

    def _end(self, grant: Grant) -> None:
        if Grant.objects.end(grant.pk):
            client_id = grant.consent.client.client_id
            facts = {"user_id": grant.consent.user_id, "client_id": client_id, "grant_id": grant.pk}
            signals.announce(signals.token_revoked, **facts, token_type="refresh_token")


@admin.register(AuditEvent)
class AuditEventAdmin(_ReadOnly, admin.ModelAdmin):
    """What happened. Nobody edits it and nobody deletes from it: it goes in its time, or with its user."""

    list_display = ("at", "event", "outcome", "user", "client_id", "address", "reason", "reference")
    list_filter = ("event", "outcome")
    list_select_related = ("user",)
    search_fields = ("client_id",)  # so that there is a field to search with; get_search_results() says how
    search_help_text = _("User, the app's name or client ID, or the reference of an error page")
    fields = (*list_display, "scope", "grant_id")
    date_hierarchy = "at"
    ordering = ("-pk",)  # as they were written: the key's own index serves it, however many there are
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AuditEvent]:
        # Joined: a user who was deleted meanwhile is then nobody, instead of an error.
        events: models.QuerySet[AuditEvent] = super().get_queryset(request)
        return events.select_related("user")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[AuditEvent], search_term: str
    ) -> tuple[models.QuerySet[AuditEvent], bool]:
        """Find users and clients first, and their events by their ids: the trail is long, and has indexes for these."""
        for word in search_term.split():
            users = list(_users_called(word)[:MOST_FOUND])
            clients = list(_clients_called(word)[:MOST_FOUND])
            if users or clients:
                queryset = queryset.filter(models.Q(user_id__in=users) | models.Q(client_id__in=clients))
            else:
                queryset = queryset.filter(reference=word)
        return queryset, False


def _users_called(word: str) -> models.QuerySet[Any, Any]:
    named = models.Q(*[(f"{name}__icontains", word) for name in _user_names()], _connector=models.Q.OR)
    return get_user_model()._default_manager.filter(named).order_by("pk").values_list("pk", flat=True)


def _clients_called(word: str) -> models.QuerySet[Any, Any]:
    named = models.Q(name__icontains=word) | models.Q(client_id__icontains=word)
    return Client.objects.filter(named).order_by("pk").values_list("client_id", flat=True)


def _live_grants(path: str) -> models.QuerySet[Grant]:
    live = {path: models.OuterRef("pk"), "expires_at__gt": timezone.now()}
    return Grant.objects.filter(**live).order_by()


def _count_of_live(path: str) -> Any:
    # In a subquery, so that a page of a list costs its own rows only, not a GROUP BY over every grant there is.
    count = _live_grants(path).values(path).annotate(count=models.Count("pk")).values("count")
    return Coalesce(models.Subquery(count), 0)


def _live_grants_of(objs: Any) -> int:
    return sum(each.live_grants for each in objs)


def _user_fields(path: str) -> tuple[str, ...]:
    return tuple(f"{path}__{name}" for name in _user_names())


def _user_names() -> list[str]:
    user = get_user_model()
    known = {field.name for field in user._meta.get_fields()}
    return [name for name in dict.fromkeys([user.USERNAME_FIELD, user.get_email_field_name()]) if name in known]
