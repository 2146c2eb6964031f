"""A Django site with sign-in by django-allauth's provider openid_connect, set up as in its documentation."""

from typing import Any
from urllib.parse import urlencode

import requests
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path

from tests.journeys.strangers import django_site

PROVIDER = "our-server"


def main() -> None:
    """Serve the library's own URLs, and a page around them."""
    registered = django_site.registration()
    provider = django_site.discover(registered.issuer)
    # allauth keeps no ID token for id_token_hint, so client_id names the client, and the user is asked.
    after = {"client_id": registered.client_id, "post_logout_redirect_uri": f"{registered.site}/"}
    django_site.configure(
        registered,
        apps=[
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
            "allauth.socialaccount.providers.openid_connect",
        ],
        middleware=["allauth.account.middleware.AccountMiddleware"],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_LOGOUT_REDIRECT_URL=f"{provider['end_session_endpoint']}?{urlencode(after)}",
        SOCIALACCOUNT_STORE_TOKENS=True,
        SOCIALACCOUNT_PROVIDERS={
            "openid_connect": {
                "OAUTH_PKCE_ENABLED": True,
                "APPS": [
                    {
                        "provider_id": PROVIDER,
                        "name": "Our server",
                        "client_id": registered.client_id,
                        "secret": registered.client_secret,
                        "settings": {"server_url": f"{registered.issuer}/.well-known/openid-configuration"},
                    }
                ],
            }
        },
    )
    from allauth.socialaccount.adapter import get_adapter
    from allauth.socialaccount.models import SocialToken

    def told(token: Any) -> dict[str, Any]:
        data = token.account.extra_data
        return {
            "claims": data["id_token"],
            "userinfo": data["userinfo"] | {"email": token.account.user.email},
            "token": {"access_token": token.token, "refresh_token": token.token_secret},
        }

    def home(request: HttpRequest) -> HttpResponse:
        token = SocialToken.objects.filter(account__user_id=request.user.pk).first()
        return django_site.page(
            request,
            told(token) if token else None,
            ("Sign in", "post", f"/accounts/oidc/{PROVIDER}/login/"),
            ("Renew", "post", "/renew"),
            ("Sign out", "post", "/accounts/logout/"),
        )

    def renew(request: HttpRequest) -> HttpResponse:
        """Exchange the refresh token, which allauth stores but does not use; allauth verifies the new ID token."""
        token = SocialToken.objects.get(account__user_id=request.user.pk)
        sent = {"grant_type": "refresh_token", "refresh_token": token.token_secret}
        credentials = (registered.client_id, registered.client_secret)
        answer = requests.post(provider["token_endpoint"], sent, auth=credentials, timeout=10).json()
        verified = get_adapter().get_provider(request, PROVIDER).verify_token(request, answer)
        token.token, token.token_secret = answer["access_token"], answer["refresh_token"]
        token.save()
        token.account.extra_data["id_token"] = verified.account.extra_data
        token.account.save()
        return HttpResponseRedirect("/")

    django_site.serve(registered, path("", home), path("renew", renew), path("accounts/", include("allauth.urls")))


if __name__ == "__main__":
    main()
