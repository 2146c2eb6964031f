"""A server without registration shows no trace of it."""

import json
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import Registration
from tests.architecture.test_query_budgets import at_most
from tests.registration.actors import CALLBACK, Software


@pytest.mark.parametrize("method", ["post", "get", "put", "delete"])
def test_the_endpoints_are_not_there(db: None, method: str) -> None:
    """The 404 takes no statement."""
    url = "/register/" if method == "post" else "/register/x/"
    body: dict[str, Any] = {} if method in ("get", "delete") else {"content_type": "application/json", "data": "{}"}
    with at_most(0):
        assert getattr(Browser(), method)(url, **body).status_code == 404


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
@pytest.mark.parametrize("choice", ["", "open", "token"])
def test_the_metadata_names_the_endpoint_where_it_is(settings: Settings, openid: None, path: str, choice: str) -> None:
    """The endpoint is listed also if clients need a token first (RFC 8414 section 2)."""
    settings.OAUTH_SERVICE_REGISTRATION = choice
    document = Browser().get(path).json()
    assert document.get("registration_endpoint") == ("http://localhost:8000/register/" if choice else None)


def test_a_description_has_it_only_where_it_is(settings: Settings) -> None:
    """The description in /openapi.json follows the setting."""
    assert "/register/" not in json.dumps(Browser().get("/openapi.json").json())
    settings.OAUTH_SERVICE_REGISTRATION = "token"
    assert "/register/{client_id}/" in Browser().get("/openapi.json").json()["paths"]


def test_what_was_registered_before_is_still_marked(software: Software, settings: Settings, alices: Browser) -> None:
    """Switching registration off does not mean that the operator checked the client."""
    software.register(token_endpoint_auth_method="none")
    settings.OAUTH_SERVICE_REGISTRATION = ""
    asked = {"response_type": "code", "client_id": software.answer["client_id"], "redirect_uri": CALLBACK}
    pkce = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
    assert "registered itself" in alices.get("/authorise/", asked | pkce).content.decode()
    assert Registration.objects.count() == 1


def test_a_registration_costs_few_statements(software: Software) -> None:
    """Reading a registration takes one statement."""
    with at_most(12):
        software.register()
    with at_most(1):
        software.read()
