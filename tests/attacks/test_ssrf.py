"""
URLs that somebody else has chosen never make this server connect to a machine that only it can reach.

The tests use the list of client metadata, so that a new member is covered, too.
"""

import ast
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from config.sites import ROOT
from oauth_service.clients import key_sets, logo, sector
from oauth_service.outbound import deliveries, documents
from oauth_service.outbound.documents import DocumentUnavailable
from oauth_service.outbound.fetch import FetchFailed, fetch
from oauth_service.protocol import jwt
from oauth_service.protocol.client_metadata import MEMBERS, Kind, Member
from oauth_service.protocol.errors import TemporarilyUnavailable
from oauth_service.protocol.jwt import InvalidJWT
from oauth_service.protocol.secret import Secret
from oauth_service.resources import remote
from tests.assertions import Signer
from tests.openid.conftest import CALLBACK, RelyingParty

URLS = [each for each in MEMBERS if each.name.endswith(("_uri", "_uris", "_url", "_endpoint"))]
FETCHED = {"logo_uri", "sector_identifier_uri", "jwks_uri", "backchannel_logout_uri"}
# live() tries every caller of the fetch; tests/client_documents/test_attacks.py tries URLs as client_id.
CALLERS = {"outbound/deliveries.py", "outbound/documents.py", "resources/remote.py"}
READERS = {
    *("clients/key_sets.py", "clients/logo.py", "clients/metadata_documents.py", "clients/sector.py"),
    "resources/remote.py",
}


@pytest.fixture
def inside() -> Iterator[tuple[str, list[str]]]:
    """Start a service on this machine; return its address, and the list of connections to it."""
    visitors: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, address = listening.accept()
                visitors.append(str(address))
                connection.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listening.getsockname()[1]}", visitors
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def live(rp: RelyingParty) -> None:
    """Do everything with a client that makes the server connect somewhere."""
    sector.fault_of(rp.client)
    if rp.client.logo_uri:
        with suppress(DocumentUnavailable):
            logo.fetch_now(rp.client.logo_uri)
        logo.fetch_soon(rp.client.logo_uri)
    if rp.client.jwks_uri:
        with suppress(InvalidJWT):
            key_sets.verify_signature(jwt.read(Signer("rp").assertion()), rp.client)
    page = rp.browser.get(rp.sign_in(rp.ask()["Location"])["Location"])
    assert page.status_code == 200
    rp.browser.get(f"/oauth/logo/{rp.client.client_id}")
    rp.tokens()
    rp.browser.post("/logout/")
    deliveries.deliver_due(now=timezone.now())


@pytest.fixture
def threadless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run work of other threads at once."""

    def read_now(url: str, **how: Any) -> None:
        with suppress(DocumentUnavailable):
            documents.read(url, **how)

    monkeypatch.setattr(documents, "refresh_later", read_now)
    monkeypatch.setattr(deliveries, "wake", lambda: None)


@pytest.mark.usefixtures("threadless")
@pytest.mark.parametrize("is_trial", [False, True], ids=["in production", "in a trial"])
@pytest.mark.parametrize("member", URLS, ids=lambda each: each.name)
def test_no_url_of_a_client_reaches_this_machine(
    rp: RelyingParty, settings: Settings, inside: tuple[str, list[str]], member: Member, is_trial: bool
) -> None:
    """
    The URL is written to the column directly, past all forms. With the setting for trials, fetched URLs arrive: the test can
    fail.
    """
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = is_trial
    at, visitors = inside
    url = f"https://{at}/"
    setattr(rp.client, member.column, f"{CALLBACK}\n{url}" if member.kind is Kind.LINES else url)
    rp.client.save()
    live(rp)
    assert bool(visitors) == (is_trial and member.name in FETCHED)


@pytest.mark.django_db(databases="__all__", transaction=True)
@pytest.mark.parametrize("is_trial", [False, True], ids=["in production", "in a trial"])
@pytest.mark.parametrize("option", ["issuer", "introspection_endpoint"])
def test_no_url_of_an_issuer_elsewhere_reaches_this_machine(
    settings: Settings, inside: tuple[str, list[str]], option: str, is_trial: bool
) -> None:
    """OAUTH_SERVICE_REMOTE_ISSUERS or an issuer's metadata names the URL."""
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = is_trial
    at, visitors = inside
    options = {"client_id": "api", "client_secret": "secret"}
    if option == "issuer":
        settings.OAUTH_SERVICE_REMOTE_ISSUERS = {f"https://{at}": options}
    else:
        settings.OAUTH_SERVICE_REMOTE_ISSUERS = {"https://issuer.example": options | {option: f"https://{at}/"}}
    with pytest.raises(TemporarilyUnavailable):
        remote.verify(Secret("opaque"), issuer="https://this.example", now=timezone.now())
    assert bool(visitors) is is_trial


def test_every_caller_of_the_fetch_is_tried() -> None:
    """New code that fetches must be added to live(), or to the test above."""

    def files_with(kinds: type[ast.AST], *names: str) -> set[str]:
        return {
            str(path.relative_to(ROOT / "oauth_service"))
            for path in (ROOT / "oauth_service").glob("**/*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, kinds) and ast.unparse(node.func if isinstance(node, ast.Call) else node) in names
        }

    assert files_with(ast.Call, "fetch", "fetch.fetch") == CALLERS
    reading = ("copy_of", "read", "read_again", "read_later", "refresh_later")
    # Functions count even without a call: they may be assigned to another name first.
    assert files_with(ast.Attribute, *(f"documents.{name}" for name in reading)) == READERS
    assert {each.name for each in URLS} >= FETCHED


def test_dns_that_changes_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The name is resolved only once: the connection goes to the address that was checked, even if the name changes meanwhile.
    """
    answers = ["93.184.215.14", "127.0.0.1", "127.0.0.1"]
    connected: list[Any] = []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), 443))]

    def connect(address: Any, *_: Any, **__: Any) -> None:
        connected.append(address)
        raise OSError("there is no network here")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(FetchFailed):
        fetch("https://rebinding.example/")
    assert (connected, len(answers)) == ([("93.184.215.14", 443)], 2)
