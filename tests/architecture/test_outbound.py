"""Every request of the server to an address of a third party goes through the one guarded fetch."""

import ast
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import models
from pytest_django import Settings

from config.sites import ROOT
from oauth_service.clients import key_sets, logo, sector
from oauth_service.models import Client, Delivery, Document
from oauth_service.outbound import deliveries, documents
from oauth_service.outbound.documents import DocumentUnavailable

SERVER = ROOT / "oauth_service"
CONNECTING = {
    "httpcore",
    "httpx",
    "requests",
    "urllib3",
    "aiohttp",
    "socket",
    "http.client",
    "urllib.request",
    "asyncio",
}
ALLOWED = {
    "outbound/fetch.py": {"httpcore", "socket"},
    "resources/ninja.py": {"asyncio"},  # to detect a running event loop
    "wsgi.py": {"http.client"},  # the names of status codes
    "watch/doctor/survey.py": {"http.client"},  # the operator names the address on the command line
}
# Columns that hold a client's URL, and their use.
FETCHED = {"jwks_uri", "logo_uri", "sector_identifier_uri", "backchannel_logout_uri"}
ONLY_LINKED = {"client_uri", "policy_uri", "tos_uri", "initiate_login_uri", "frontchannel_logout_uri"}
METADATA = "http://169.254.169.254/latest/meta-data/"


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_nothing_else_connects() -> None:
    """A developer who adds another way to connect has to state here why it needs no guard."""
    found = {str(path.relative_to(SERVER)): CONNECTING.intersection(imported(path)) for path in SERVER.glob("**/*.py")}
    assert {name: modules for name, modules in found.items() if modules - ALLOWED.get(name, set())} == {}


def test_what_becomes_of_each_url_is_known() -> None:
    """The server either fetches the URL of a new column, which the test below covers, or only links to it."""
    columns = {field.name for field in Client._meta.get_fields() if isinstance(field, models.URLField)}
    assert columns == FETCHED | ONLY_LINKED


@pytest.fixture
def judged(settings: Settings) -> None:
    """Refuse loopback addresses, as in production."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = False


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", METADATA, "file:///etc/passwd"]
)
@pytest.mark.parametrize("column", sorted(FETCHED))
def test_no_url_of_a_client_reaches_what_is_private(judged: None, column: str, url: str) -> None:
    """The guard must hold for every column, even if the value never went through a form's validation."""
    client = Client.objects.create(name="C", redirect_uris="https://c.example/", **{column: url})
    match column:
        case "logo_uri":
            with pytest.raises(DocumentUnavailable):
                documents.read(url, kind=Document.Kind.LOGO, rules=logo.RULES)
        case "jwks_uri":
            with pytest.raises(DocumentUnavailable):
                documents.read(url, kind=Document.Kind.KEYS, rules=key_sets.RULES)
        case "sector_identifier_uri":
            assert "cannot be had" in sector.fault_of(client)
        case _backchannel:
            message = Delivery(client=client, sign_in_id=uuid.uuid4(), sub="1", issuer="https://id.example")
            assert deliveries._send(message, now=client.created_at) != ""
