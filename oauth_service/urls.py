"""
URLs of the server. Include them at the root of the site, or under a prefix with oauth_service.well_known at the root.

Each view answers with and without the trailing slash.
"""

from collections.abc import Callable, Iterator

from django.http import HttpResponseBase
from django.urls import URLPattern, path, register_converter

from .endpoints.authorise import authorise
from .endpoints.deauthorise import deauthorise
from .endpoints.device import device
from .endpoints.device_authorization import device_authorization
from .endpoints.discovery import discovery
from .endpoints.end_session import end_session
from .endpoints.global_token_revocation import global_token_revocation
from .endpoints.healthz import healthz
from .endpoints.introspect import introspect
from .endpoints.jwks import jwks
from .endpoints.login import login
from .endpoints.logo import logo
from .endpoints.logout import logout, signed_out
from .endpoints.manage_apps import manage_apps
from .endpoints.metrics import metrics
from .endpoints.openapi import openapi
from .endpoints.openid_configuration import openid_configuration
from .endpoints.protected_resource import protected_resource
from .endpoints.readyz import readyz
from .endpoints.register import register
from .endpoints.registration import registration
from .endpoints.revoke import revoke
from .endpoints.token import token
from .endpoints.userinfo import userinfo
from .web.client_ids import ClientIDConverter

app_name = "oauth_service"
register_converter(ClientIDConverter, "oauth_service_client_id")


def _both(route: str, view: Callable[..., HttpResponseBase], name: str) -> Iterator[URLPattern]:
    # reverse() takes the last pattern of a name.
    yield path(route.rstrip("/"), view, name=name)
    yield path(route, view, name=name)


urlpatterns = [
    *_both("authorise/", authorise, "authorise"),
    *_both("token/", token, "token"),
    *_both("device-authorization/", device_authorization, "device_authorization"),
    *_both("device/", device, "device"),
    *_both("userinfo/", userinfo, "userinfo"),
    *_both("oauth/revoke/", revoke, "revoke"),
    *_both("introspect/", introspect, "introspect"),
    *_both("register/", register, "register"),
    *_both("register/<str:client_id>/", registration, "registration"),
    *_both("global-token-revocation/", global_token_revocation, "global_token_revocation"),
    *_both("oauth/deauthorise/", deauthorise, "deauthorise"),
    *_both("oauth/logout/", end_session, "end_session"),
    path("oauth/logo/<oauth_service_client_id:client_id>", logo, name="logo"),
    *_both("manage-apps/", manage_apps, "manage_apps"),
    *_both("login/", login, "login"),
    *_both("logout/", logout, "logout"),
    *_both("signed-out/", signed_out, "signed_out"),
    path(".well-known/oauth-authorization-server/<path:issuer_path>", discovery),
    path(".well-known/oauth-authorization-server", discovery, name="discovery"),
    path(".well-known/openid-configuration/<path:issuer_path>", openid_configuration),
    path(".well-known/openid-configuration", openid_configuration, name="openid_configuration"),
    path(".well-known/oauth-protected-resource/<path:resource_path>", protected_resource),
    path(".well-known/oauth-protected-resource", protected_resource, name="protected_resource"),
    *_both("jwks/", jwks, "jwks"),
    path("openapi.json", openapi, name="openapi"),
    *_both("healthz/", healthz, "healthz"),
    *_both("readyz/", readyz, "readyz"),
    *_both("metrics/", metrics, "metrics"),
]
