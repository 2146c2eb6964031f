"""protect with scopes by method."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.urls import include, path
from django.views import View

from oauth_service.protect import ProtectedMixin, protect
from tests.guide import Guide

BY_METHOD = {"GET": "user", "post": ["user", "profile"]}


@protect(BY_METHOD)
def function(request: HttpRequest) -> HttpResponse:
    """A plain view."""
    return HttpResponse()


@protect(BY_METHOD)
async def coroutine(request: HttpRequest) -> HttpResponse:
    """A coroutine view."""
    return HttpResponse()


class Class(ProtectedMixin, View):
    """A view class with more methods than it names scopes for."""

    required_scope = BY_METHOD

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    post = delete = get


urlpatterns = [
    path("function/", function),
    path("coroutine/", coroutine),
    path("class/", Class.as_view()),
    path("", include("oauth_service.urls")),
]
pytestmark = pytest.mark.urls("tests.test_protect_by_method")

STATUS = {
    "user": {"GET": 200, "HEAD": 200, "OPTIONS": 200, "POST": 403, "PUT": 405, "DELETE": 405},
    "user profile": {"GET": 200, "HEAD": 200, "OPTIONS": 200, "POST": 200, "PUT": 405, "DELETE": 405},
    "profile": {"GET": 403, "HEAD": 403, "OPTIONS": 200, "POST": 403, "PUT": 405, "DELETE": 405},
    "": {"GET": 401, "HEAD": 401, "OPTIONS": 401, "POST": 401, "PUT": 401, "DELETE": 401},
}


@pytest.mark.parametrize("url", ["/function/", "/coroutine/", "/class/"])
@pytest.mark.parametrize("scope", STATUS)
def test_each_method_needs_its_own(guide: Guide, url: str, scope: str) -> None:
    """A forgotten method is closed, not open."""
    headers = {"Authorization": f"Bearer {guide.tokens(scope=scope)['access_token']}"} if scope else {}
    found = {method: Browser().generic(method, url, headers=headers) for method in STATUS[scope]}
    assert {method: answer.status_code for method, answer in found.items()} == STATUS[scope]
    assert {answer["Allow"] for answer in found.values() if answer.status_code == 405} <= {"GET, POST, HEAD, OPTIONS"}


@pytest.mark.parametrize("scopes", [({"GET": "user"}, "profile"), ("profile", {"GET": "user"})])
def test_a_dict_beside_other_scopes_is_a_mistake(scopes: Any) -> None:
    """The meaning of such a call would be ambiguous."""
    with pytest.raises(ImproperlyConfigured, match="one dict of scopes by method"):
        protect(*scopes)
