"""RFC 9728, OAuth 2.0 Protected Resource Metadata: the document of an API, and the challenge that points to it."""

import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpRequest, JsonResponse
from django.test import Client as Browser
from django.urls import include, path
from django.views import View
from pytest_django import Settings

from oauth_service.models import Resource
from oauth_service.protect import ProtectedMixin, protect
from oauth_service.protocol import protected_resource
from tests.architecture.test_query_budgets import at_most
from tests.clauses import clause
from tests.guide import Guide

NOTES, ROOT_API, URN = "http://localhost:8000/notes", "https://localhost:8000", "urn:example:notes"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
ADDRESS = "http://localhost:8000/.well-known/oauth-protected-resource/notes"


@protect("notes:read", "profile", resource=NOTES)
def notes(request: HttpRequest) -> JsonResponse:
    """Protect a view of the API of notes."""
    return JsonResponse({})


@protect({"GET": "notes:read", "POST": ["notes:read", "notes:write"]}, resource=NOTES)
async def by_method(request: HttpRequest) -> JsonResponse:
    """Protect another view of the same API, with scopes by method."""
    return JsonResponse({})


@protect("profile", resource=URN)
def urn(request: HttpRequest) -> JsonResponse:
    """Protect a view of an API without an address."""
    return JsonResponse({})


@protect("profile")
def plain(request: HttpRequest) -> JsonResponse:
    """Protect a view of no API in particular."""
    return JsonResponse({})


class Notes(ProtectedMixin, View):
    """A class of the API of notes."""

    required_scope = {"GET": "notes:read", "DELETE": "notes:write"}
    resource = NOTES

    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({})


urlpatterns = [
    path("", include("oauth_service.urls")),
    path("notes/", notes),
    path("by-method/", by_method),
    path("class/", Notes.as_view()),
    path("urn/", urn),
    path("plain/", plain),
]
pytestmark = [pytest.mark.urls("tests.specs.test_rfc9728"), pytest.mark.django_db, pytest.mark.usefixtures("guards")]


@pytest.fixture
def api() -> Resource:
    """Register the API of notes, as an operator would."""
    return Resource.objects.create(identifier=NOTES, name="Notes", scopes="notes:read See them", is_for_all=True)


def ask(path: str = "", **extra: Any) -> Any:
    """Send GET for the metadata, as a client at the API's own host does."""
    return Browser().get(WELL_KNOWN + path, headers={"Host": "localhost:8000"}, **extra)


def challenge_of(answer: Any) -> dict[str, str]:
    """Return the parameters of WWW-Authenticate, which is a single challenge."""
    scheme, _space, rest = answer["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


@clause("RFC 9728", "2")
def test_the_document_word_for_word(api: Resource) -> None:
    """The document is built from the resource, and from the scopes that its views require."""
    assert ask("/notes").json() == {
        "resource": NOTES,
        "authorization_servers": ["http://localhost:8000"],
        "scopes_supported": ["notes:read", "notes:write", "profile"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Notes",
    }


@clause("RFC 9728", "2")
def test_pages_for_developers_are_in_the_document(api: Resource) -> None:
    """ "resource_documentation: OPTIONAL. URL of a page containing human-readable information that developers might want or
    need to know when using the protected resource." A page that was not registered is left out."""
    pages = {"resource_documentation": "https://docs.example/notes", "resource_policy_uri": "https://docs.example/data"}
    Resource.objects.update(documentation_uri="https://docs.example/notes", policy_uri="https://docs.example/data")
    assert {name: value for name, value in ask("/notes").json().items() if "docs.example" in value} == pages
    Resource.objects.update(tos_uri="https://docs.example/terms")
    assert ask("/notes").json()["resource_tos_uri"] == "https://docs.example/terms"


@clause("RFC 9728", "2")
def test_pages_are_registered_by_the_command_and_are_web_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    """The document is public, and clients show these links to users."""
    arguments = ("create_resource", NOTES, "--name=Notes", "--for-all")
    with pytest.raises(CommandError, match="--documentation-uri: Enter a valid URL"):
        call_command(*arguments, "--documentation-uri=javascript:alert(1)")
    call_command(*arguments, "--documentation-uri=https://docs.example/notes", "--tos-uri=https://docs.example/terms")
    document = ask("/notes").json()
    assert document["resource_documentation"] == "https://docs.example/notes"
    assert document["resource_tos_uri"] == "https://docs.example/terms"


@clause("RFC 9728", "3.1")
@pytest.mark.parametrize(
    ("identifier", "address"),
    [
        ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/notes", "https://api.example/.well-known/oauth-protected-resource/notes"),
        ("https://api.example/notes/", "https://api.example/.well-known/oauth-protected-resource/notes/"),
        ("https://api.example:8443/a/b?t=1", "https://api.example:8443/.well-known/oauth-protected-resource/a/b?t=1"),
        ("urn:example:notes", ""),
        ("", ""),
    ],
)
def test_the_address_is_the_identifier_with_the_well_known_path_before_its_own(identifier: str, address: str) -> None:
    """ "by inserting a well-known URI string into the protected resource's resource identifier between the host component and
    the path and/or query components"."""
    assert protected_resource.metadata_url(identifier) == address


@clause("RFC 9728", "3.1")
@pytest.mark.parametrize(
    "identifier",
    [
        *("http://localhost:8000", "http://localhost:8000/", "https://localhost:8000", "http://localhost:8000/notes"),
        *("http://localhost:8000/notes/", "http://localhost:8000/a/b?t=1&u=2", "http://localhost:8000/n%C3%B6te"),
        "https://localhost:8000/behind/a/proxy",
    ],
)
def test_every_address_leads_to_the_document_of_its_identifier(identifier: str) -> None:
    """ "The resource value returned MUST be identical to the protected resource's resource identifier value" (section 3.3)."""
    Resource.objects.create(identifier=identifier, name="Any")
    address = protected_resource.metadata_url(identifier).partition("localhost:8000")[2]
    answer = Browser().get(address, headers={"Host": "localhost:8000"})
    assert (answer.status_code, answer.json().get("resource")) == (200, identifier)


@clause("RFC 9728", "3.2")
def test_a_list_without_members_is_left_out() -> None:
    """ "Parameters with zero values MUST be omitted from the response." """
    Resource.objects.create(identifier=ROOT_API, name="Whole host")
    assert "scopes_supported" not in ask().json()


@clause("RFC 9728", "3.1")
def test_the_root_form_is_the_default_api_if_the_host_has_none(api: Resource, settings: Settings) -> None:
    """MCP clients ask there, too; the API of another host is not revealed."""
    assert ask().status_code == 404
    settings.OAUTH_SERVICE_RESOURCE = NOTES
    assert ask().json()["resource"] == NOTES
    settings.OAUTH_SERVICE_RESOURCE = "https://elsewhere.example/notes"
    Resource.objects.create(identifier="https://elsewhere.example/notes", name="Elsewhere")
    assert ask().status_code == 404


@clause("RFC 9728", "3.2")
@pytest.mark.parametrize("path", ["", "/notes", "/notes/", "/secret", "/notes%00", "/%FF", "/" + "x" * 300])
def test_a_project_without_resources_has_none(path: str) -> None:
    """Without resources there is no metadata."""
    assert ask(path).status_code == 404


@clause("RFC 9728", "3.2")
def test_one_that_was_switched_off_is_absent(api: Resource) -> None:
    """Clients can no longer ask for it."""
    Resource.objects.update(is_active=False)
    assert ask("/notes").status_code == 404


@clause("RFC 9728", "3.2")
def test_browsers_may_read_it_and_caches_keep_it(api: Resource) -> None:
    """The server's metadata allows CORS, too; MCP clients also run in browsers."""
    answer = ask("/notes")
    assert (answer["Access-Control-Allow-Origin"], answer["Cache-Control"]) == ("*", "public, max-age=300")
    assert Browser().options(f"{WELL_KNOWN}/notes").status_code == 204


@clause("RFC 9728", "3")
def test_it_costs_one_statement(api: Resource) -> None:
    """Both forms of address cost the same."""
    for below in ("", "/notes"):
        with at_most(1):
            ask(below)


# -- the challenge -----------------------------------------------------------------------------------------------------


@clause("RFC 9728", "5.1")
@pytest.mark.parametrize(
    ("url", "method", "scope"),
    [
        ("/notes/", "GET", "notes:read profile"),
        ("/notes/", "POST", "notes:read profile"),
        ("/by-method/", "GET", "notes:read"),
        ("/by-method/", "HEAD", "notes:read"),
        ("/by-method/", "POST", "notes:read notes:write"),
        ("/class/", "DELETE", "notes:write"),
    ],
)
def test_a_401_leads_to_the_metadata_and_names_every_scope(url: str, method: str, scope: str) -> None:
    """The challenge is the same without a token and with an invalid one: a client that knows nothing can find its way."""
    for headers in ({}, {"Authorization": "Bearer AT_nonsense"}):
        answer = Browser().generic(method, url, headers=headers)
        said = challenge_of(answer)
        assert (answer.status_code, said["resource_metadata"], said["scope"]) == (401, ADDRESS, scope)


@clause("RFC 9728", "5.1")
def test_a_403_leads_there_as_well(guide: Guide, api: Resource) -> None:
    """The client can then ask for more scope."""
    guide.client.scope = "user profile notes:read"
    guide.client.save()
    token = guide.tokens(resource=NOTES, scope="profile")["access_token"]
    answer = Browser().get("/notes/", headers={"Authorization": f"Bearer {token}"})
    said = challenge_of(answer)
    assert (answer.status_code, said["error"]) == (403, "insufficient_scope")
    assert (said["scope"], said["resource_metadata"]) == ("notes:read profile", ADDRESS)


@clause("RFC 9728", "5.1")
@pytest.mark.parametrize(("url", "resource"), [("/plain/", ""), ("/urn/", ""), ("/plain/", URN)])
def test_a_view_without_an_address_answers_byte_for_byte_as_before(settings: Settings, url: str, resource: str) -> None:
    """The guide's messages must not change."""
    settings.OAUTH_SERVICE_RESOURCE = resource
    answers = [Browser().get(url), Browser().get(url, headers={"Authorization": "Bearer AT_nonsense"})]
    assert [answer["WWW-Authenticate"] for answer in answers] == [
        'Bearer realm="oauth_service"',
        'Bearer realm="oauth_service", error="invalid_token", error_description="the access token is not valid"',
    ]


@clause("RFC 9728", "5.1")
def test_a_view_that_names_none_belongs_to_the_default_api(settings: Settings) -> None:
    """The challenge points to the metadata of that API."""
    settings.OAUTH_SERVICE_RESOURCE = NOTES
    assert challenge_of(Browser().get("/plain/"))["resource_metadata"] == ADDRESS
