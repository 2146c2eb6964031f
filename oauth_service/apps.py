"""The app."""

from django.apps import AppConfig


class OAuthServiceConfig(AppConfig):
    """The authorization server, ready once its checks and receivers are connected."""

    name = "oauth_service"
    verbose_name = "OAuth service"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.contrib.auth.signals import user_login_failed
        from django.db.models.signals import pre_delete

        from . import audit, checks, conf, signals
        from .models.client import Client
        from .models.consent import hold_owner

        checks.register_all()
        user_login_failed.connect(signals.announce_login_refused, dispatch_uid="oauth_service.login_refused")
        for owner in (get_user_model(), Client):
            pre_delete.connect(hold_owner, sender=owner, dispatch_uid="oauth_service.hold_owner")
        audit.connect()
        if conf.counts() and not checks.fault_of_metrics():  # else the checks say why nothing is counted
            from . import metrics

            metrics.connect()
