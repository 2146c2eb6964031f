"""Client applications in the admin. A secret is shown once, then never again."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from .. import conf, database
from ..clients import key_sets, logo
from ..clients.registration import imitated_by
from ..models import Client, Document, Registration
from ..protocol import client_id_metadata_document
from ..protocol.registration import OWN_MEMBERS
from ..protocol.secret import Secret
from ..web.reports import redacted_reports
from . import moments
from .forms import (
    EXCHANGE_FIELDS,
    EXPERT_FIELDS,
    INTROSPECTION_FIELDS,
    LIMIT_FIELDS,
    OPENID_FIELDS,
    REVOCATION_FIELDS,
    SIGN_OUT_FIELDS,
    ClientForm,
)
from .live_grants import CountedDeletion, count_of_live

OF_DOCUMENTS = (*(member.column for member in OWN_MEMBERS.values()), "client_type", "requires_pkce")
"""Columns that are copied from the document of a client. The next copy would overwrite a change by hand."""


class SelfRegistered(admin.SimpleListFilter):
    """Filter of clients by the way they were registered. Hidden if clients cannot register themselves."""

    title = _("registration")
    parameter_name = "registered_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        introduced = [("itself", _("by the client itself"))] if conf.REGISTRATION() else []
        if conf.CLIENT_ID_METADATA_DOCUMENTS():
            introduced.append(("document", _("by a client ID metadata document")))
        return [("operator", _("by the operator")), *introduced] if introduced else []

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Client]) -> models.QuerySet[Client]:
        match self.value():
            case "operator":
                return queryset.filter(registration=None)
            case "itself":
                return queryset.filter(registration__kind=Registration.Kind.REGISTERED)
            case "document":
                return queryset.filter(registration__kind=Registration.Kind.DOCUMENT)
            case _all:
                return queryset


@admin.register(Client)
class ClientAdmin(CountedDeletion):
    """Client applications."""

    form = ClientForm
    nothing_yet = _("No app is registered yet. Add a client for each app that uses this server.")
    list_display = ("name", "kind", "connections", "is_active", "client_id")
    list_filter = ("is_active", "client_type", "application_type", SelfRegistered)
    search_fields = ("name", "client_id", "operator", "redirect_uris")
    search_help_text = _("Name, client ID, operator or redirect URI")
    readonly_fields = ("secret_status", "created_at", "own_registration")
    ordering = ("name", "pk")
    actions = ("activate", "deactivate", "end_own_tokens")
    fieldsets = (
        (_("Shown to users"), {"fields": ("name", "operator", "client_uri", "policy_uri", "tos_uri")}),
        (
            _("Identity"),
            {
                "fields": (
                    *("client_id", "client_type", "application_type", "secret_status", "is_active"),
                    "is_first_party",
                )
            },
        ),
        (
            _("Permissions"),
            {
                "fields": (
                    *("redirect_uris", "scope", "grant_types", "client_credentials_scope"),
                    *("requires_pkce", "remembers_consent"),
                )
            },
        ),
        (_("Token exchange"), {"classes": ("collapse",), "fields": EXCHANGE_FIELDS}),
        (_("Lifetimes and limits"), {"classes": ("collapse",), "fields": LIMIT_FIELDS}),
        (_("Client authentication"), {"classes": ("collapse",), "fields": EXPERT_FIELDS}),
    )
    openid_fieldsets = (
        (_("Sign-in (OpenID Connect)"), {"classes": ("collapse",), "fields": OPENID_FIELDS}),
        (_("Sign-out (OpenID Connect)"), {"classes": ("collapse",), "fields": SIGN_OUT_FIELDS}),
    )

    def about(self, obj: Client) -> dict[str, Any]:
        return {"client_id": obj.client_id}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Client]:
        clients: models.QuerySet[Client] = super().get_queryset(request)
        return clients.annotate(live_grants=count_of_live("consent__client"))

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        # The client_id is in the configuration of the client, so it cannot change.
        own = ("client_id", *(OF_DOCUMENTS if _is_of_document(obj) else ())) if obj else ()
        return (*self.readonly_fields, *own)

    def get_fieldsets(self, request: HttpRequest, obj: Client | None = None) -> Any:
        openid = self.openid_fieldsets if conf.is_openid() else ()
        people, who, *others = self.fieldsets
        if logo.is_available():
            people = (people[0], {"fields": (*people[1]["fields"], "logo_uri")})
        if conf.clients_introduce_themselves():
            who = (who[0], {"fields": (*who[1]["fields"], "is_checked")})
        if conf.INTROSPECTION():
            others.append((_("Introspection"), {"classes": ("collapse",), "fields": INTROSPECTION_FIELDS}))
        if conf.GLOBAL_TOKEN_REVOCATION():
            others.append((_("Global token revocation"), {"classes": ("collapse",), "fields": REVOCATION_FIELDS}))
        introduced = conf.clients_introduce_themselves() or (obj and _is_of_document(obj))
        history = ("created_at", "own_registration") if introduced else ("created_at",)
        return (people, who, *others, *openid, *([(None, {"fields": history})] if obj else []))

    @admin.display(description=_("client type"), ordering="client_type")
    def kind(self, client: Client) -> str:
        """The client type in one or two words; the choices in the form are longer."""
        kind = _("Public") if client.is_public else _("Confidential")
        native = _("native")
        return f"{kind}, {native}" if client.is_native else str(kind)

    @admin.display(description=_("registered by"))
    def own_registration(self, client: Client) -> str:
        """The origin of the registration, and the details of a client that registered itself."""
        registration = (
            Registration.objects.select_related("client", "initial_access_token").filter(pk=client.pk).first()
        )
        if registration is None:
            return str(_("The operator."))
        checked = (
            _("The client itself. You have checked its name.")
            if client.is_vouched_for
            else _("The client itself. Its name has not been checked.")
        )
        told: list[Any] = [*_of_document(registration)] if registration.is_document else [checked]
        if imitates := imitated_by(client, registration.translated):
            told.append(_("The client's name looks like that of %(name)s.") % {"name": imitates})
        if registration.initial_access_token:
            told.append(_("Initial access token: %(name)s.") % {"name": registration.initial_access_token})
        if registration.purge_at:
            deleted = moments.in_full(registration.purge_at)
            told.append(
                _("The client will be deleted on %(moment)s unless a user connects it or you save it.")
                % {"moment": deleted}
            )
        if registration.software_id:
            software = f"{registration.software_id} {registration.software_version}".strip()
            told.append(_("Software: %(software)s.") % {"software": software})
        return " ".join(map(str, told))

    @admin.display(description=_("connections"))
    def connections(self, client: Client) -> int:
        """The number of live grants."""
        return int(getattr(client, "live_grants", 0))

    @admin.display(description=_("client secret"))
    def secret_status(self, client: Client) -> str:
        """The state of the secret, never the secret itself."""
        if not client.pk:
            return str(_("A confidential client gets a secret when you save. The secret is shown only once."))
        if client.is_public:
            return str(_("Public clients have no secret."))
        if not client.uses_secret:
            return str(_("None: the client signs with its own private key."))
        match client.secret_count:
            case 0:
                return str(_("None: the client cannot get tokens until it has a secret."))
            case 1 if client.seals_secret:
                return str(
                    _(
                        "Set. The secret is stored encrypted, because this server verifies the client's "
                        "assertions with it."
                    )
                )
            case 1:
                return str(_("Set. Only the hash of the secret is stored."))
            case _many:
                two = _("Two secrets are accepted: the newest, and the previous one until you end it.")
                return " ".join(map(str, (two, _("Previous secret:"), _use_of_previous(client))))

    def save_model(self, request: HttpRequest, obj: Client, form: ModelForm, change: bool) -> None:
        secrets: tuple[str, ...] = ()
        if not obj.uses_secret:
            obj.secret_hash = obj.previous_secret_hash = ""
            secrets = ("secret_hash", "previous_secret_hash")
        # Save only the fields of the form: the secret may have been rotated meanwhile.
        obj.save(update_fields=[*form.cleaned_data, *secrets] if change else None)
        # Staff have looked at the client, so the sweep must not delete it.
        if (
            change
            and conf.clients_introduce_themselves()
            and Registration.objects.keep(obj.pk)
            and not form.changed_data
        ):
            self.log_change(request, obj, "Kept, though nobody has connected it yet.")
        if "logo_uri" in form.changed_data:
            transaction.on_commit(partial(logo.fetch_soon, obj.logo_uri), using=database.ours())

    @redacted_reports()
    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        """Show the new secret in the response itself: for a redirect, it would have to be stored."""
        if not obj.uses_secret:
            return super().response_add(request, obj, post_url_continue)
        return self._show_secret(request, obj, Client.objects.rotate_secret(obj))

    @redacted_reports()
    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        """Show a secret to a client that needs one now. A client with MACs gets a new one: a hash cannot verify them."""
        if not obj.uses_secret or obj.secret_count:
            return super().response_change(request, obj)
        return self._show_secret(request, obj, Client.objects.rotate_secret(obj))

    @admin.action(description=_("Activate selected clients"), permissions=["change"])
    def activate(self, request: HttpRequest, clients: models.QuerySet[Client]) -> None:
        """Activate clients again."""
        self._switch(request, clients, is_active=True)

    @admin.action(description=_("Deactivate selected clients"), permissions=["change"])
    def deactivate(self, request: HttpRequest, clients: models.QuerySet[Client]) -> None:
        """Deactivate clients and all their tokens at once. If they are activated again, the tokens are valid again."""
        self._switch(request, clients, is_active=False)

    @admin.action(description=_("End all client credentials tokens of selected clients"), permissions=["change"])
    def end_own_tokens(self, request: HttpRequest, clients: models.QuerySet[Client]) -> None:
        """End every access token that clients have for themselves. Connections of users stay."""

        def end() -> list[Client]:
            ended = list(clients)
            for client in ended:
                Client.objects.end_own_tokens(client)
                self.log_change(request, client, "Ended its own tokens.")
            return ended

        ended = database.run_transaction(end)
        sentence = ngettext(
            "The client credentials tokens of %d client have ended.",
            "The client credentials tokens of %d clients have ended.",
            len(ended),
        )
        messages.success(request, sentence % len(ended))

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
        """Show the state of the secrets, with buttons to make one and to end the previous one."""
        return self._show_secret(request, self._changeable(request, pk), "")

    @redacted_reports()
    def rotate_secret(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new secret and show it once. The earlier one stays valid until it is ended; a third one asks first."""
        client = self._changeable(request, pk)
        if client.seals_secret and not key_sets.is_available():
            messages.error(
                request, _("Install django-oauth-service[oidc] first. The secret cannot be encrypted without it.")
            )
            return redirect(reverse("admin:oauth_service_client_change", args=[pk], current_app=self.admin_site.name))

        def rotate() -> str:
            if not _is_confirmed(request, Client.objects.select_for_update().get(pk=pk)):
                return ""
            secret = Client.objects.rotate_secret(client)
            self.log_change(request, client, "Rotated the client secret.")
            return secret

        if secret := database.run_transaction(rotate):
            return self._show_secret(request, client, secret)
        return self._confirm(request, pk, title=_("Make a new secret"), makes_new=True)

    def end_previous(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End the previous secret, after a page that shows when it was last used."""
        client = self._changeable(request, pk)

        def end() -> bool:
            if not _is_confirmed(request, Client.objects.select_for_update().get(pk=pk)):
                return False
            Client.objects.end_previous_secret(client)
            self.log_change(request, client, "Ended the previous client secret.")
            return True

        if not database.run_transaction(end):
            return self._confirm(request, pk, title=_("End the previous secret"), makes_new=False)
        messages.success(request, _("The previous secret is no longer accepted."))
        return redirect(reverse("admin:oauth_service_client_change", args=[pk], current_app=self.admin_site.name))

    def _changeable(self, request: HttpRequest, pk: int) -> Client:
        client = get_object_or_404(Client, pk=pk, client_type=Client.ClientType.CONFIDENTIAL)
        if not client.uses_secret:
            raise Http404
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        return client

    def _show_secret(self, request: HttpRequest, client: Client, secret: str) -> HttpResponse:
        # Some error reporters keep the context of a template, so the secret is wrapped. The page is rendered now, and not
        # later, so that redacted_reports() of the callers covers it. The admin sends every page with no-store.
        context = self._context(request, client, title=_("Client secret")) | {"secret": Secret(secret)}
        return render(request, "admin/oauth_service/client/secret.html", context)

    def _confirm(self, request: HttpRequest, pk: int, *, title: Any, makes_new: bool) -> HttpResponse:
        client = self._changeable(request, pk)
        context = self._context(request, client, title=title) | {"makes_new": makes_new, "version": _version(client)}
        return render(request, "admin/oauth_service/client/end_secret.html", context)

    def _context(self, request: HttpRequest, client: Client, *, title: Any) -> dict[str, Any]:
        request.current_app = self.admin_site.name  # {% url %} reads it
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(client),
            "opts": self.opts,
            "client": client,
            "secret_count": client.secret_count,
            "use_of_previous": _use_of_previous(client),
        }

    def _switch(self, request: HttpRequest, clients: models.QuerySet[Client], *, is_active: bool) -> None:
        def switch() -> list[Client]:
            changed = list(clients.exclude(is_active=is_active))
            for client in changed:
                Client.objects.filter(pk=client.pk).update(is_active=is_active)
                self.log_change(request, client, "Activated." if is_active else "Deactivated.")
            return changed

        changed = database.run_transaction(switch)
        if is_active:
            sentence = ngettext("%d client is active again.", "%d clients are active again.", len(changed))
        else:
            sentence = ngettext("%d client was deactivated.", "%d clients were deactivated.", len(changed))
        messages.success(request, sentence % len(changed))


def _is_confirmed(request: HttpRequest, client: Client) -> bool:
    """Return whether staff have confirmed the end of the present previous secret; True if there is none."""
    return client.secret_count < 2 or request.POST.get("confirmed") == _version(client)


def _version(client: Client) -> str:
    return client.secret_changed_at.isoformat() if client.secret_changed_at else "unknown"


def _use_of_previous(client: Client) -> str:
    if client.previous_secret_used_at:
        used_at = moments.in_full(client.previous_secret_used_at)
        return _("Last used at %(moment)s. Its use is recorded once an hour at most.") % {"moment": used_at}
    if client.secret_changed_at:
        changed_at = moments.in_full(client.secret_changed_at)
        return _("Not used since the newest secret was made, at %(moment)s.") % {"moment": changed_at}
    return str(_("Last use unknown: the secrets were made before the server recorded it."))


def _is_of_document(client: Client) -> bool:
    if not client_id_metadata_document.is_url(client.client_id):
        return False
    registration = getattr(client, "registration", None)  # cached on the client: one statement for each page
    return registration is not None and registration.is_document


def _of_document(registration: Registration) -> Iterator[Any]:
    yield _(
        "The metadata document at the client ID. It proves that the client belongs to %(host)s. Values from "
        "the document cannot be changed here."
    ) % {"host": registration.document_host}
    if not registration.client.is_vouched_for:
        yield _("The client's name has not been checked.")
    if not conf.CLIENT_ID_METADATA_DOCUMENTS():
        yield _("Client ID metadata documents are switched off, so users cannot make new connections with the client.")
    if registration.document_fetched_at:
        yield _("Fetched: %(moment)s.") % {"moment": moments.in_full(registration.document_fetched_at)}
    document = Document.objects.find(Document.Kind.CLIENT, registration.client.client_id)
    if document and document.last_error:
        yield _("The last attempt to fetch the document failed: %(reason)s.") % {"reason": document.last_error}
    if document and document.last_error and not document.fetched_at:
        yield _(
            "Users cannot make new connections with the client until the document is correct. Existing "
            "connections continue."
        )
