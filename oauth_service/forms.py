"""Forms of the admin."""

from django import forms

from . import conf
from .models import Client


class ClientForm(forms.ModelForm):
    """A client application; its scope and grant types are chosen from what this server has."""

    client_uri = forms.URLField(required=False, assume_scheme="https", label="Website")
    policy_uri = forms.URLField(required=False, assume_scheme="https", label="Privacy policy")
    tos_uri = forms.URLField(required=False, assume_scheme="https", label="Terms of service")

    class Meta:
        model = Client
        fields = (
            "name",
            "operator",
            "client_uri",
            "policy_uri",
            "tos_uri",
            "client_id",
            "client_type",
            "application_type",
            "is_active",
            "redirect_uris",
            "scope",
            "grant_types",
            "requires_pkce",
            "remembers_consent",
        )
        widgets = {"redirect_uris": forms.Textarea(attrs={"rows": 4, "cols": 80, "spellcheck": "false"})}

    def clean_scope(self) -> str:
        """Only scopes that the consent page has words for."""
        scope = str(self.cleaned_data["scope"])
        if unknown := [name for name in scope.split() if name not in conf.SCOPES()]:
            raise forms.ValidationError(f"{conf.SCOPES.name} has no such scope: {', '.join(unknown)}.")
        return scope
