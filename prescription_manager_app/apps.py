"""Configuration of the client application as a Django app."""

from django.apps import AppConfig
from django.core.checks import register


class PrescriptionManagerAppConfig(AppConfig):
    name = "prescription_manager_app"
    verbose_name = "Prescriptions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from prescription_manager_app import checks

        register(checks.check_registration)
