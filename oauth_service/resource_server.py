"""
URLs for a project that guards APIs but issues no tokens: the metadata of its APIs (RFC 9728 section 3.1).

    urlpatterns = [path("", include("oauth_service.resource_server"))]
"""

from django.urls import path

from .endpoints.protected_resource import protected_resource

app_name = "oauth_service_resource_server"

urlpatterns = [
    path(".well-known/oauth-protected-resource", protected_resource),
    path(".well-known/oauth-protected-resource/<path:resource_path>", protected_resource),
]
