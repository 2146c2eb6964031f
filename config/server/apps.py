"""Django's admin, with our limit on failed sign-ins."""

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    """The admin of the server's site."""

    default_site = "oauth_service.admin_site.LimitedAdminSite"
