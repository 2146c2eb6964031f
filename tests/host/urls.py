"""The host's URLs."""

from django.urls import include, path

urlpatterns = [path("", include("oauth_service.urls"))]
