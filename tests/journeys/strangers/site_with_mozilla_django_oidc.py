"""A Django site with sign-in by mozilla-django-oidc, set up as in its documentation."""

from typing import Any
from urllib.parse import urlencode

import jwt
import requests
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path

from tests.journeys.strangers import django_site

END_SESSION = ""
SITE = ""


def end_session_url(request: HttpRequest) -> str:
    """URL that signs the user out of the provider, for OIDC_OP_LOGOUT_URL_METHOD."""
    sent = {"id_token_hint": request.session["oidc_id_token"], "post_logout_redirect_uri": f"{SITE}/"}
    return f"{END_SESSION}?{urlencode(sent)}"


def main() -> None:
    """Serve the library's own URLs, and a page around them."""
    global END_SESSION, SITE
    registered = django_site.registration()
    provider = django_site.discover(registered.issuer)
    END_SESSION, SITE = provider["end_session_endpoint"], registered.site
    django_site.configure(
        registered,
        apps=["mozilla_django_oidc"],
        middleware=["mozilla_django_oidc.middleware.SessionRefresh"],
        AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
        OIDC_RP_CLIENT_ID=registered.client_id,
        OIDC_RP_CLIENT_SECRET=registered.client_secret,
        OIDC_RP_SIGN_ALGO="RS256",
        OIDC_RP_SCOPES="openid profile email",
        OIDC_OP_AUTHORIZATION_ENDPOINT=provider["authorization_endpoint"],
        OIDC_OP_TOKEN_ENDPOINT=provider["token_endpoint"],
        OIDC_OP_USER_ENDPOINT=provider["userinfo_endpoint"],
        OIDC_OP_JWKS_ENDPOINT=provider["jwks_uri"],
        OIDC_USE_PKCE=True,
        OIDC_STORE_ID_TOKEN=True,
        OIDC_STORE_ACCESS_TOKEN=True,
        OIDC_OP_LOGOUT_URL_METHOD="__main__.end_session_url",
        OIDC_EXEMPT_URLS=["/renew"],
    )

    def home(request: HttpRequest) -> HttpResponse:
        told = _told(request, provider) if request.user.is_authenticated else None
        return django_site.page(
            request,
            told,
            ("Sign in", "get", "/oidc/authenticate/"),
            ("Renew", "get", "/renew"),
            ("Sign out", "post", "/oidc/logout/"),
        )

    def renew(request: HttpRequest) -> HttpResponse:
        """Expire the ID token: the library's middleware requests another with prompt=none."""
        request.session["oidc_id_token_expiration"] = 0
        return HttpResponseRedirect("/")

    django_site.serve(
        registered, path("", home), path("renew", renew), path("oidc/", include("mozilla_django_oidc.urls"))
    )


def _told(request: HttpRequest, provider: dict[str, Any]) -> dict[str, Any]:
    access_token, id_token = request.session["oidc_access_token"], request.session["oidc_id_token"]
    # The library verified both at the sign-in, and keeps only their texts.
    claims = jwt.decode(id_token, options={"verify_signature": False})
    bearer = {"Authorization": f"Bearer {access_token}"}
    userinfo = requests.get(provider["userinfo_endpoint"], headers=bearer, timeout=10).json()
    return {
        "claims": claims,
        "userinfo": userinfo | {"email": request.user.email},  # type: ignore[union-attr]
        "token": {"access_token": access_token, "id_token": id_token},
    }


if __name__ == "__main__":
    main()
