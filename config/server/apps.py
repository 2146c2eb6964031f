"""Django's admin, with the limit on failures at its login."""

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    """The admin of the server's site."""

    default_site = "oauth_service.admin_site.LimitedAdminSite"
