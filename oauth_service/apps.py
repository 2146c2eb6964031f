"""The app."""

from django.apps import AppConfig


class OAuthServiceConfig(AppConfig):
    """The authorization server, ready once its checks and its one receiver are connected."""

    name = "oauth_service"
    verbose_name = "OAuth service"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_login_failed

        from . import checks, signals

        checks.register_all()
        user_login_failed.connect(signals.announce_login_refused, dispatch_uid="oauth_service.login_refused")
