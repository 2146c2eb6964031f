"""
The metadata at the addresses that clients look up, for a project that includes oauth_service.urls under a prefix
(RFC 8414 section 3.1, RFC 9728 section 3.1).

    urlpatterns = [
        path("", include("oauth_service.well_known")),
        path("o/", include("oauth_service.urls")),
    ]

Clients look at the root of the host: for the issuer https://example.com at /.well-known/oauth-authorization-server, for
https://example.com/o at /.well-known/oauth-authorization-server/o. OpenID Connect puts the issuer's path first
(OpenID Connect Discovery 1.0 section 4). Both documents are served at both kinds of address. The metadata of an API at
https://example.com/orders is at /.well-known/oauth-protected-resource/orders.
"""

from urllib.parse import urlsplit

from django.urls import path, register_converter
from django.urls.converters import PathConverter

from . import conf
from .endpoints.discovery import discovery
from .endpoints.openid_configuration import openid_configuration
from .endpoints.protected_resource import protected_resource

app_name = "oauth_service_well_known"


class IssuerPath(PathConverter):
    """The path of the configured issuer. All other paths are left to the project's own URLs."""

    def to_python(self, value: str) -> str:
        if urlsplit(conf.ISSUER()).path != f"/{value}":
            raise ValueError("no issuer here has this path")
        return value


register_converter(IssuerPath, "issuer_path")

urlpatterns = [
    path(".well-known/oauth-authorization-server", discovery),
    path(".well-known/oauth-authorization-server/<issuer_path:issuer_path>", discovery),
    path("<issuer_path:issuer_path>/.well-known/oauth-authorization-server", discovery),
    path(".well-known/openid-configuration", openid_configuration),
    path(".well-known/openid-configuration/<issuer_path:issuer_path>", openid_configuration),
    path("<issuer_path:issuer_path>/.well-known/openid-configuration", openid_configuration),
    path(".well-known/oauth-protected-resource", protected_resource),
    path(".well-known/oauth-protected-resource/<path:resource_path>", protected_resource),
]
