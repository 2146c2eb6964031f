"""GET, POST /login/ -- sign in."""

from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import global_settings, settings
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse

from .. import conf
from ..clients.introduction import introduce
from ..models import Client
from ..people.authentication import AMR_ATTRIBUTE
from ..people.sign_in import LimitedForm, set_throttled_status
from ..protocol.errors import OAuthError
from ..protocol.parameters import from_form
from ..protocol.reply_to import ReplyTo
from ..web.pages import on_every_page, page_endpoint, protect_page
from ..web.redirects import pending_authorization_url, points_to_itself, printable_or_empty, to_sign_in


class _Login(LoginView):
    template_name = "oauth_service/login.html"
    authentication_form = LimitedForm

    @property
    def redirect_authenticated_user(self) -> bool:  # type: ignore[override]
        """True if a signed-in user may pass, unless the request asks for a fresh sign-in (checked at the target)."""
        return "reauthenticate" not in self.request.GET

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        if self.request.user.is_authenticated and self.request.user.pk != form.get_user().pk:
            # Sign the other user out first, with everything that belongs to a sign-out. Django itself would only drop
            # the session.
            logout(self.request)
        setattr(self.request, AMR_ATTRIBUTE, ("pwd",))  # RFC 8176 section 2
        return super().form_valid(form)

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        wanted = super().get_redirect_url(*args, **kwargs)
        return pending_authorization_url(self.request) or printable_or_empty(wanted)

    def get_default_redirect_url(self) -> str:
        # Django's own default is a page that does not exist in most projects.
        if settings.LOGIN_REDIRECT_URL == global_settings.LOGIN_REDIRECT_URL:
            return reverse("oauth_service:manage_apps")
        return str(super().get_default_redirect_url())

    def get_success_url(self) -> str:
        target: str = super().get_success_url()
        return self.get_default_redirect_url() if points_to_itself(self.request, target) else target

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        set_throttled_status(response, form, path=self.request.path)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        client_name = self._waiting.name if self._waiting else ""
        return super().get_context_data(client=self._waiting, client_name=client_name, **on_every_page(), **kwargs)

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> Any:
        response: Any = super().render_to_response(context, **kwargs)
        # After the sign-in the browser may go straight to the client, if the user allowed it before, or to any page of
        # a project.
        leads_on = bool(self._waiting) or not self._ends_here
        response.add_post_render_callback(partial(protect_page, request=self.request, leads_on=leads_on))
        return response

    @property
    def _ends_here(self) -> bool:
        """True if the page after the login is one of this app, which redirects nowhere."""
        ours = [reverse(f"oauth_service:{name}").rstrip("/") for name in ("authorise", "device", "manage_apps")]
        return self.get_success_url().partition("?")[0].rstrip("/") in ours

    @cached_property
    def _waiting(self) -> Client | None:
        """The client whose authorization request brought the user here, if that request is valid so far."""
        target = urlsplit(self.get_redirect_url())
        if target.path.rstrip("/") != reverse("oauth_service:authorise").rstrip("/"):
            return None
        try:
            parameters = from_form(target.query.encode())
            name = parameters.get("client_id") or ""
            client = Client.objects.select_related("registration").filter(client_id=name, is_active=True).first()
            if client:
                ReplyTo.verify(client, parameters, issuer=conf.issuer_of(self.request))
                introduce(client)  # use its name and pages in the user's language
            return client
        except OAuthError:
            return None  # the authorization endpoint reports the fault after the sign-in


@page_endpoint("GET", "POST", keeps_opener=True)
def login(request: HttpRequest) -> HttpResponseBase:
    """Sign a user in, then continue the request that brought them here. Redirect if the project has another login page."""
    if _is_replaced(request):
        # The project's page may require more than a password. Users must not avoid it by typing this address.
        page = _Login()
        page.setup(request)
        return to_sign_in(request, page.get_success_url(), fresh="reauthenticate" in request.GET)
    return _Login.as_view()(request)


def _is_replaced(request: HttpRequest) -> bool:
    """Return whether LOGIN_URL is another page, and this request uses our own URL of this view."""
    ours = reverse("oauth_service:login").rstrip("/")
    page = urlsplit(resolve_url(settings.LOGIN_URL))
    is_ours = page.path.rstrip("/") == ours
    # Behind a proxy, the public host is that of the issuer. Redirecting to it would be an endless loop.
    is_here = page.netloc in ("", request.get_host(), urlsplit(conf.issuer_of(request)).netloc)
    return request.path.rstrip("/") == ours and not (is_ours and is_here)
