"""Bare Django views, one per operation: no middleware, and the driver's prepared statements on Django's connection."""

import os
from typing import cast

import psycopg
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path

from . import bare

settings.configure(
    SECRET_KEY="the-benchmark's-own-secret-key-of-fifty-characters-",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
            "CONN_MAX_AGE": None,
        }
    },
)


def _driver() -> psycopg.Connection:
    connection.ensure_connection()
    return cast("psycopg.Connection", connection.connection)


def authorise(request: HttpRequest) -> HttpResponse:
    """GET /authorise."""
    try:
        return HttpResponseRedirect(bare.authorise(_driver(), request.GET, request.COOKIES["sessionid"]))
    except bare.Refused:
        return HttpResponse(status=400)


def token(request: HttpRequest) -> HttpResponse:
    """POST /token."""
    try:
        return JsonResponse(bare.token(_driver(), request.POST), headers={"Cache-Control": "no-store"})
    except bare.Refused:
        return HttpResponse(status=400)


def userinfo(request: HttpRequest) -> HttpResponse:
    """GET /userinfo."""
    try:
        return JsonResponse(bare.userinfo(_driver(), request.headers["Authorization"]))
    except bare.Refused:
        return HttpResponse(status=401)


def revoke(request: HttpRequest) -> HttpResponse:
    """POST /revoke."""
    try:
        bare.revoke(_driver(), request.POST)
    except bare.Refused:
        return HttpResponse(status=400)
    return HttpResponse()


urlpatterns = [
    path("authorise", authorise),
    path("token", token),
    path("userinfo", userinfo),
    path("revoke", revoke),
]
application = get_wsgi_application()
