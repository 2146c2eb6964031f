"""URLs of the client application's site."""

from django.urls import include, path

urlpatterns = [path("", include("prescription_manager_app.urls"))]
