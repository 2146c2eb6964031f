"""Signing keys in the admin."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..models import SigningKey
from ..protocol.errors import TemporarilyUnavailable
from ..protocol.signing_key import State
from ..tokens import keys
from .model_admin import ModelAdmin
from .read_only import ReadOnly

STATES = {
    State.NEXT: _("published, will sign next"),
    State.SIGNS: _("signs tokens now"),
    State.SIGNED: _("published to verify earlier signatures"),
    State.UNREADABLE: _("cannot be decrypted: its token key is not in the settings"),
    State.GONE: _("no longer published"),
}


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnly, ModelAdmin):
    """The keys in the database, with their state. `manage.py oauth_keys` rotates, imports and retires them."""

    nothing_yet = _("There are no keys yet. The server makes its keys when it first needs them.")
    list_display = ("kid", "algorithm", "state", "signs_from", "signs_until", "purge_at")
    list_filter = ("algorithm",)
    fields = ("kid", "algorithm", "state", "created_at", "signs_from", "signs_until", "purge_at", "public_jwk")
    ordering = ("algorithm", "-generation")

    def has_module_permission(self, request: HttpRequest) -> bool:
        # Without OpenID Connect there are no keys, and so no page.
        return conf.is_openid() and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return conf.is_openid() and super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[SigningKey]:
        rows: models.QuerySet[SigningKey] = super().get_queryset(request).defer("private_key")
        try:
            found = keys.key_states(timezone.now())
        except (TemporarilyUnavailable, ImproperlyConfigured):
            found = []  # the doctor reports faults of keys from elsewhere
        cases = [models.When(kid=each.key.kid, then=models.Value(each.state.value)) for each in found]
        return rows.annotate(
            current_state=models.Case(*cases, default=models.Value(""), output_field=models.CharField())
        )

    @admin.display(description=_("state"))
    def state(self, key: SigningKey) -> Any:
        """The present state of the key."""
        found: str = getattr(key, "current_state", "")
        return STATES[State(found)] if found else "-"
