"""Configuration of the app."""

from typing import TYPE_CHECKING

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.db.models import Model


class OAuthServiceConfig(AppConfig):
    """The authorization server. ready() registers its system checks and connects its signal receivers."""

    name = "oauth_service"
    verbose_name = _("OAuth service")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
        from django.db.models.signals import post_delete, pre_delete

        from . import checks, conf
        from .models.client import Client
        from .models.consent import lock_owner_before_delete
        from .models.trusted_issuer import forget_deleted_client
        from .people import authentication, logout
        from .watch import audit
        from .web import ended_sessions

        checks.register_all()
        user_logged_in.connect(authentication.remember, dispatch_uid="oauth_service.authentication")
        user_logged_out.connect(logout.on_sign_out, dispatch_uid="oauth_service.logout")
        user_logged_in.connect(ended_sessions.remember, dispatch_uid="oauth_service.ended_sessions")
        user_logged_in.connect(authentication.announce_sign_in, dispatch_uid="oauth_service.signed_in")
        user_logged_out.connect(authentication.announce_sign_out, dispatch_uid="oauth_service.signed_out")
        _hide_what_fails_outside()
        user_login_failed.connect(authentication.announce_refused, dispatch_uid="oauth_service.login_refused")
        users, clients = _by_every_name(get_user_model()), _by_every_name(Client)
        for owner in (*users, *clients):
            pre_delete.connect(lock_owner_before_delete, sender=owner, dispatch_uid="oauth_service.hold_owner")
        for client in clients:
            post_delete.connect(forget_deleted_client, sender=client, dispatch_uid="oauth_service.trusted_issuer")
        audit.connect(users)
        if conf.END_CONNECTIONS_ON_PASSWORD_CHANGE():
            from .people import new_password

            new_password.connect(users)
        if conf.counts() and not checks.fault_of_metrics():  # else a system check says why nothing is counted
            from .watch import metrics

            metrics.connect()


def _hide_what_fails_outside() -> None:
    # Django mails ADMINS the whole request when a middleware fails. This filter leaves our requests' secrets out.
    if not settings.is_overridden("DEFAULT_EXCEPTION_REPORTER_FILTER"):  # type: ignore[misc]
        settings.DEFAULT_EXCEPTION_REPORTER_FILTER = "oauth_service.web.reports.ReporterFilter"


def _by_every_name(model: "type[Model]") -> "list[type[Model]]":
    """A model and its proxies: Django sends a deletion's signals under the class that was deleted by."""
    return [each for each in apps.get_models() if each._meta.concrete_model is model._meta.concrete_model]
