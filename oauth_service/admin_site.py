"""
Django's admin site, with the limit that our own login page has on failed sign-ins.

A project uses it in place of Django's own:

    class AdminConfig(django.contrib.admin.apps.AdminConfig):
        default_site = "oauth_service.admin_site.LimitedAdminSite"

and names that class in INSTALLED_APPS instead of "django.contrib.admin".
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from . import signals
from .people.sign_in import LimitedForm, set_throttled_status
from .web.ended_sessions import leave_ended
from .web.pages import page_or_refusal
from .web.reports import redacted_reports, seal
from .web.requests import ProgramRequest


class _SignIn(LimitedForm, AdminAuthenticationForm):
    """
    Login form of the admin: staff only. Shares its failure count with our login page, because the passwords are the
    same.
    """


class LimitedAdminSite(AdminSite):
    """Admin site whose login page answers 429 under the same limit as ours."""

    login_form = _SignIn

    def has_permission(self, request: HttpRequest) -> bool:
        leave_ended(request)  # a session that was ended from outside no longer opens the admin
        return super().has_permission(request)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        call, page = ProgramRequest.of(request), super().login

        def answer() -> HttpResponse:
            response = page(request, extra_context)
            set_throttled_status(response, (getattr(response, "context_data", None) or {}).get("form"), path=call.path)
            return response

        with (
            redacted_reports(request),
            signals.request_context("admin_login", call.method, call.address, call.request_id) as context,
        ):
            response = page_or_refusal(request, context, answer)
            context.status = response.status_code
        if response.status_code >= 500:
            seal(request)
        return response
