"""Trusted issuers in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ..clients import key_sets
from ..models import Client, TrustedIssuer
from ..protocol.jwt import ASYMMETRIC
from .forms import WordsField
from .model_admin import ModelAdmin


class TrustedIssuerForm(forms.ModelForm):
    """Form of an issuer. Purposes and algorithms are chosen from those that this server knows."""

    purposes = WordsField(label=_("Purposes"))
    algorithms = WordsField(label=_("Algorithms"))

    class Meta:
        model = TrustedIssuer
        fields = (
            "issuer",
            "is_active",
            "purposes",
            "clients",
            "jwks",
            "jwks_uri",
            "algorithms",
            "audience",
            "stands_for_consent",
            "tokens_end_with_jwt",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offers: dict[str, dict[str, Any]] = {
            "purposes": dict(TrustedIssuer.Purpose.choices),
            "algorithms": {name: name for name in ASYMMETRIC},
        }
        for name, words in offers.items():
            if isinstance(field := self.fields.get(name), WordsField):  # missing for staff who can only view
                stored = str(getattr(self.instance, name))
                self.initial.setdefault(name, stored)
                field.offer(words, stored=stored)

    def clean_clients(self) -> str:
        """Return one client ID a line. Refuse unknown ones: a typing error would otherwise go unnoticed."""
        chosen = str(self.cleaned_data["clients"]).split()
        if unknown := [client_id for client_id in chosen if Client.objects.row(client_id) is None]:
            raise forms.ValidationError(_("There is no client %(names)s."), params={"names": ", ".join(unknown)})
        return "\n".join(dict.fromkeys(chosen))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # sets the values of the instance
        if "jwks" in self.fields and not self.errors:
            column, fault = key_sets.fault_of_issuer(self.instance)
            if fault:
                self.add_error(column, fault)


@admin.register(TrustedIssuer)
class TrustedIssuerAdmin(ModelAdmin):
    """Other servers whose JWTs this server trusts."""

    form = TrustedIssuerForm
    nothing_yet = _("This server trusts no other issuer. Add one if clients present its JWTs here.")
    list_display = ("issuer", "purposes", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("issuer",)
    search_help_text = _("Issuer")
    ordering = ("issuer",)

    def has_module_permission(self, request: Any) -> bool:
        # Without the extra oidc, no JWT can be verified, and so there is no page.
        return key_sets.is_available() and bool(super().has_module_permission(request))
