"""Both apps in one registry, for the type checker only: no site runs with these settings."""

from config.server.settings import *  # noqa: F403
from config.server.settings import INSTALLED_APPS as SERVER_APPS

INSTALLED_APPS = [*SERVER_APPS, "prescription_manager_app"]
