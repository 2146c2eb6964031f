"""GET /openapi.json: a valid description of exactly the existing URLs and methods."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import URLPattern, include, path
from openapi_spec_validator import OpenAPIV31SpecValidator
from pytest_django import Settings

from oauth_service import openapi, urls
from oauth_service.grant_types import GRANT_TYPES
from oauth_service.protocol.parameters import NEVER_IN_A_QUERY
from tests.jwt_bearer.actors import USER_FUNCTION

METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options", "trace"})

# The same URLs under a prefix, for a test below.
urlpatterns = [path("id/", include("oauth_service.urls"))]


@pytest.fixture(autouse=True)
def everything(settings: Settings) -> None:
    """A server with every endpoint."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    settings.OAUTH_SERVICE_REGISTRATION = "open"


@pytest.fixture
def description() -> dict[str, Any]:
    """The document, as a client gets it."""
    document: dict[str, Any] = Browser().get("/openapi.json").json()
    return document


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Every path and method of the document."""
    return {(url, method) for url, item in document["paths"].items() for method in METHODS & item.keys()}


def operations_of(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations of a path item."""
    return [item[method] for method in METHODS & item.keys()]


def filled_in(url: str) -> str:
    """A URL with values for the parameters in its path."""
    return re.sub(r"{\w+}", "x", url)


def answered() -> Iterator[tuple[str, str]]:
    """Every path and method of the URLconf, as OPTIONS reports them."""
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        url = re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{pattern.pattern}")
        for method in Browser().options(filled_in(url))["Allow"].lower().split(", "):
            yield url, method


def test_it_is_a_valid_openapi_3_1_description(description: dict[str, Any]) -> None:
    """Generators of clients and documentation refuse an invalid description."""
    assert (description["openapi"], list(OpenAPIV31SpecValidator(description).iter_errors())) == ("3.1.0", [])


def test_every_url_and_method_is_described_and_no_other(description: dict[str, Any]) -> None:
    """URLs are described with and without the trailing slash. A developer who adds an endpoint must describe it."""
    assert described(description) == set(answered())


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_that_is_not_described_is_refused(method: str, description: dict[str, Any], db: None) -> None:
    """The server answers other methods with a 405, and Allow lists the described ones."""
    for url, item in description["paths"].items():
        if method not in item:
            response = Browser().generic(method.upper(), filled_in(url))
            assert (url, response.status_code) == (url, 405)
            assert set(response["Allow"].lower().split(", ")) == METHODS & item.keys()


def test_the_server_is_the_issuer(description: dict[str, Any], settings: Settings) -> None:
    """The Host header may be anything behind a proxy."""
    assert description["servers"] == [{"url": settings.OAUTH_SERVICE_ISSUER}]


@pytest.mark.urls(__name__)
def test_a_prefix_belongs_to_the_server() -> None:
    """A project may include the URLs below its root; the paths stay the same."""
    document = Browser().get("/id/openapi.json").json()
    assert (document["servers"], "/token/" in document["paths"]) == ([{"url": "http://localhost:8000/id"}], True)


def test_the_scopes_and_cookies_are_those_of_the_settings(settings: Settings) -> None:
    """The description must fit this server, not a similar one."""
    settings.OAUTH_SERVICE_SCOPES = {"pills": "Your pills"}
    settings.SESSION_COOKIE_NAME = "id_session"
    schemes = Browser().get("/openapi.json").json()["components"]["securitySchemes"]
    flow = schemes["oauth2"]["flows"]["authorizationCode"]
    assert (flow["scopes"], schemes["session"]["name"]) == ({"pills": "Your pills"}, "id_session")


def test_discovery_links_to_it() -> None:
    """
    Programs find the description by the link relation service-desc (RFC 8631); service_documentation (RFC 8414) is for
    people.
    """
    link = Browser().get("/.well-known/oauth-authorization-server")["Link"]
    assert link == '<http://localhost:8000/openapi.json>; rel="service-desc"; type="application/json"'


def test_it_may_be_kept_for_a_while() -> None:
    """The description changes only when a new release or new settings are deployed."""
    assert Browser().get("/openapi.json")["Cache-Control"] == "public, max-age=300"


def test_no_secret_is_described_as_part_of_a_url(description: dict[str, Any]) -> None:
    """The server refuses secrets in a URL."""
    in_query = {
        parameter["name"]
        for item in description["paths"].values()
        for operation in operations_of(item)
        for parameter in operation.get("parameters", ())
    }
    assert in_query & NEVER_IN_A_QUERY == set()


def test_every_parameter_is_explained_or_named_by_its_values(description: dict[str, Any]) -> None:
    """A name alone documents nothing."""
    bare = [
        (url, parameter["name"])
        for url, item in description["paths"].items()
        for operation in operations_of(item)
        for parameter in operation.get("parameters", ())
        if not parameter["description"]
    ]
    assert bare == []


def test_every_schema_is_used(description: dict[str, Any]) -> None:
    """An unused schema describes nothing."""
    text = json.dumps(description)
    unused = [name for name in description["components"]["schemas"] if f'"#/components/schemas/{name}"' not in text]
    assert unused == []


def test_the_names_of_operations_are_unique(description: dict[str, Any]) -> None:
    """Generators of clients make a function of each name."""
    names = [
        operation["operationId"]
        for item in description["paths"].values()
        for operation in operations_of(item)
        if "operationId" in operation
    ]
    assert len(names) == len(set(names)) >= len(openapi.PATHS)


def test_every_grant_type_is_described(description: dict[str, Any]) -> None:
    """Each grant type describes itself; a hand-kept table would miss the next one."""
    requests = description["components"]["schemas"]["TokenRequest"]["oneOf"]
    assert [each["properties"]["grant_type"]["const"] for each in requests] == list(GRANT_TYPES)
