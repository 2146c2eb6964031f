"""The URLs of a project that has Django's page for changing the password."""

from django.contrib.auth.views import PasswordChangeView
from django.urls import include, path

urlpatterns = [
    path("password/", PasswordChangeView.as_view(), name="password_change"),
    path("", include("oauth_service.urls")),
]
