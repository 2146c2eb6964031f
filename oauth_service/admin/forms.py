"""Forms in the admin."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..clients import key_sets, sector
from ..grant_types import fault_of_names, offered
from ..models import Client, Resource


class WordsField(forms.MultipleChoiceField):
    """
    A space-delimited list with a checkbox for each word.

    A stored word that is no longer offered stays visible and can be unticked. The cleaned value is space-delimited.
    """

    widget = forms.CheckboxSelectMultiple(attrs={"class": "radiolist"})  # the admin's style for a list of choices

    def offer(self, words: Mapping[str, Any], *, stored: str) -> None:
        """
        Set the choices.

        Args:
            words: offered words, each with its meaning.
            stored: present value, space-delimited.
        """
        gone = {name: _("no longer offered by this server") for name in stored.split() if name not in words}
        labels = {
            name: name if name == meaning else f"{name}: {meaning}" for name, meaning in {**words, **gone}.items()
        }
        self.choices = list(labels.items())

    def prepare_value(self, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> Any:
        return " ".join(super().clean(value))


OPENID_FIELDS = (
    *("id_token_signed_response_alg", "userinfo_signed_response_alg", "subject_type", "sector_identifier_uri"),
    *("default_max_age", "require_auth_time", "default_acr_values", "initiate_login_uri"),
)
SIGN_OUT_FIELDS = (
    *("post_logout_redirect_uris", "backchannel_logout_uri", "backchannel_logout_session_required"),
    *("frontchannel_logout_uri", "frontchannel_logout_session_required"),
)
EXCHANGE_FIELDS = ("may_delegate", "may_impersonate", "exchangeable_by")
REVOCATION_FIELDS = ("may_revoke_users",)
KEY_FIELDS = ("token_endpoint_auth_signing_alg", "jwks", "jwks_uri")
INTROSPECTION_FIELDS = ("introspection_resources",)
LIMIT_FIELDS = ("access_token_lifetime", "refresh_token_lifetime", "connection_lifetime", "grant_type_scopes")
EXPERT_FIELDS = (
    "token_endpoint_auth_method",
    *KEY_FIELDS,
    "contacts",
)


def _web_address(label: Any, help_text: Any = "") -> forms.URLField:
    wide = forms.URLInput(attrs={"class": "vTextField"})
    return forms.URLField(required=False, assume_scheme="https", label=label, help_text=help_text, widget=wide)


class ClientForm(forms.ModelForm):
    """Form of a client application. Scope and grant types are chosen from those of this server."""

    client_uri = _web_address(_("Website"), _("http or https. The consent page links to it."))
    policy_uri = _web_address(_("Privacy policy"))
    logo_uri = _web_address(_("Logo"), _("PNG, JPEG, WebP or GIF. Fetched once, then served by this server."))
    tos_uri = _web_address(_("Terms of service"))
    scope = WordsField(
        label=_("Scope"),
        help_text=_("The scopes that the client may request. Users see these descriptions and can refuse."),
    )
    client_credentials_scope = WordsField(
        required=False,
        label=_("Client credentials scope"),
        help_text=_(
            "The scopes that the client may get without a user (client credentials grant). If none is ticked, "
            "the client may get its whole scope."
        ),
    )
    grant_types = WordsField(label=_("Grant types"), help_text=_("The grant types that the client may use."))

    class Meta:
        model = Client
        fields = (
            "name",
            "operator",
            "client_uri",
            "policy_uri",
            "tos_uri",
            "logo_uri",
            "client_id",
            "client_type",
            "application_type",
            "is_active",
            "is_first_party",
            "is_checked",
            "redirect_uris",
            "scope",
            "client_credentials_scope",
            "grant_types",
            "requires_pkce",
            "remembers_consent",
            *OPENID_FIELDS,
            *SIGN_OUT_FIELDS,
            *INTROSPECTION_FIELDS,
            *EXCHANGE_FIELDS,
            *LIMIT_FIELDS,
            *REVOCATION_FIELDS,
            *EXPERT_FIELDS,
        )
        help_texts = {
            "token_endpoint_auth_method": _(
                "If you choose client_secret_jwt, the client gets a new secret when you save, because this "
                "server must store the secret encrypted. Any other choice erases encrypted secrets."
            ),
            "require_auth_time": _("Every ID token of this server has auth_time."),
            "client_id": _("The client sends this ID with every request. The ID cannot be changed later."),
            "redirect_uris": _(
                "One URI per line, compared character by character. Allowed are https, http on this machine "
                "only (127.0.0.1, [::1], localhost), or an app's own scheme such as com.example.app:/callback."
            ),
        }
        widgets = {
            "redirect_uris": forms.Textarea(
                attrs={"rows": 4, "cols": 80, "spellcheck": "false", "class": "vLargeTextField"}
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {**Resource.objects.words(), **conf.SCOPES()}
        words = {name: words[name] for name in (*conf.SCOPES(), *sorted(words.keys() - conf.SCOPES().keys()))}
        self._offer("scope", words)
        own = {name: text for name, text in words.items() if name not in ("openid", "offline_access")}
        self._offer("client_credentials_scope", own)
        self._offer("grant_types", {name: each.DESCRIPTION.meaning for name, each in offered().items()})

    def clean_redirect_uris(self) -> str:
        """Return one URI a line, without blank lines, surrounding spaces and repeats."""
        lines = [line.strip() for line in str(self.cleaned_data["redirect_uris"]).splitlines()]
        if crowded := [line for line in lines if len(line.split()) > 1]:
            raise forms.ValidationError(
                [
                    forms.ValidationError(_("“%(line)s” has spaces. Enter one URI per line."), params={"line": line})
                    for line in crowded
                ]
            )
        return "\n".join(_without_repeats(line for line in lines if line))

    def clean_grant_types(self) -> str:
        """Refuse unknown grant types, and refresh_token on its own."""
        grant_types = str(self.cleaned_data["grant_types"])
        if fault := fault_of_names(grant_types):
            raise forms.ValidationError(fault)
        return grant_types

    def clean(self) -> dict[str, Any]:
        """Require PKCE of public clients: nothing else proves that a code is theirs (RFC 9700 section 2.1.1)."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("client_type") == Client.ClientType.PUBLIC:
            cleaned["requires_pkce"] = True
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # sets the values of the instance
        if set(KEY_FIELDS) <= self.fields.keys() and not self.errors:
            column, fault = key_sets.fault_of_client(self.instance)
            if fault:
                self.add_error(column, fault)
        if "sector_identifier_uri" not in self.fields or self.errors or not self._has_another_sector():
            return
        if fault := sector.fault_of(self.instance):
            self.add_error("sector_identifier_uri", fault)

    def _has_another_sector(self) -> bool:
        # Other changes must not depend on the site of the sector's document, which may be slow or down.
        return self.instance._state.adding or any(
            self.initial.get(name) != getattr(self.instance, name)
            for name in ("sector_identifier_uri", "redirect_uris")
        )

    def _offer(self, name: str, words: Mapping[str, Any]) -> None:
        if isinstance(field := self.fields.get(name), WordsField):  # missing for staff who can only view
            stored = str(getattr(self.instance, name))
            self.initial.setdefault(name, stored)
            field.offer(words, stored=stored)


def _without_repeats(lines: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(lines)
