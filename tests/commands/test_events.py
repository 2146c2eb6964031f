"""Every change that a command makes is an event that names the command."""

import importlib
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, get_commands
from django.utils import timezone
from pytest_django import Settings

from oauth_service.clients.registration import INITIAL_PREFIX
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import AuditEvent, Client, Document
from oauth_service.tokens import keys
from oauth_service.watch import audit
from tests.admin.test_query_strings import rows
from tests.test_audit import Committed

__all__ = ["rows"]

OURS = {name: app for name, app in get_commands().items() if str(app).startswith(("oauth_service", "config"))}
TABLES = [
    each for each in apps.get_models() if each is not AuditEvent and each._meta.app_label in ("oauth_service", "auth")
]


def with_a_dead_row() -> list[str]:
    """Create a row to sweep."""
    now = timezone.now()
    Document.objects.create(key="dead", kind="logo", url="https://a.example/", fresh_until=now, purge_at=now)
    return []


def key() -> str:
    return next(each.key.kid for each in keys.key_states(timezone.now()))


def an_issuer() -> list[str]:
    """Register an issuer whose JWTs are trusted from then on."""
    return [
        "https://other.example",
        "--purpose",
        "id-jag",
        "--client",
        "app",
        "--jwks-uri",
        "https://other.example/jwks",
    ]


# Arguments with which each command changes something, if it ever does, and the event that reports it; "" for none.
RUNS: dict[str, list[tuple[Callable[[], list[str]], str]]] = {
    "create_client": [(lambda: ["--name", "A", "--redirect-uri", "https://a.example/cb"], "administered")],
    "rotate_secret": [
        (lambda: ["app"], "administered"),
        (lambda: ["app", "--end-previous"], "administered"),
        (lambda: ["app", "--at-once"], "administered"),
    ],
    "list_clients": [(list, "")],
    "create_resource": [(lambda: ["https://api.example/", "--name=API"], "administered")],
    "list_resources": [(list, "")],
    "end_own_tokens": [(lambda: ["app"], "administered")],
    "show_client": [(lambda: ["app"], "")],
    "oauth_doctor": [(list, "")],
    "oauth_keys": [
        (lambda: ["list"], ""),
        (lambda: ["rotate"], "signing_key_changed"),
        (lambda: ["retire", key()], "signing_key_changed"),
    ],
    "oauth_restored": [(lambda: ["--noinput", "--end-client-secrets"], "backup_restored")],
    "create_registration_token": [(lambda: ["Partner"], "administered")],
    "purge": [(list, ""), (with_a_dead_row, "administered")],
    "seed_demo": [(list, "administered")],
    "trust_issuer": [(list, ""), (an_issuer, "administered")],
}


def stored() -> dict[str, list[dict[str, Any]]]:
    return {each._meta.label: list(each._base_manager.order_by("pk").values()) for each in TABLES}


def test_every_command_is_tried_here() -> None:
    """A developer who adds a command must add its arguments here."""
    assert OURS.keys() == RUNS.keys()


@pytest.mark.parametrize("name", OURS)
def test_every_command_says_which_it_is(name: str) -> None:
    """The base class puts the command's name into the events of all functions that it calls."""
    command = importlib.import_module(f"{OURS[name]}.management.commands.{name}").Command
    assert issubclass(command, RecordedCommand)


@pytest.mark.parametrize("name", RUNS)
def test_whatever_a_command_changes_is_an_event(name: str, committed: Committed, settings: Settings) -> None:
    """A run that changes a row makes one event, without the printed secrets. A run that changes nothing makes none."""
    settings.DEBUG = True
    for arguments, event in RUNS[name]:
        AuditEvent.objects.all().delete()
        given, printed = arguments(), StringIO()
        before = stored()
        with committed():
            try:
                call_command(name, *given, stdout=printed, stderr=StringIO())
            except SystemExit:
                assert name == "oauth_doctor"  # it reported findings
        audit.flush()
        told = AuditEvent.objects.exclude(by="")
        assert ((stored() != before), {each.event for each in told}) == (bool(event), {event} - {""}), (name, given)
        assert {each.by for each in told} == ({f"command {name}"} if event else set())
        printed_secrets = [word for word in printed.getvalue().split() if len(word.removeprefix(INITIAL_PREFIX)) == 43]
        assert [word for word in printed_secrets for each in told if word in f"{each.changes}{each.reason}"] == []
        keys.forget()


def test_a_command_that_fails_has_changed_nothing(committed: Committed) -> None:
    """A failed command makes no event."""
    with committed(), pytest.raises(CommandError):
        call_command("rotate_secret", "nobody")
    audit.flush()
    assert not AuditEvent.objects.exclude(by="").exists()


def test_an_event_of_a_command_says_what_was_registered(committed: Committed) -> None:
    """The event names the client and its rights."""
    with committed():
        arguments = ["--name", "A", "--redirect-uri", "https://a.example/cb", "--client-id", "a"]
        call_command("create_client", *arguments, stdout=StringIO(), stderr=StringIO())
    told = AuditEvent.objects.get(by="command create_client")
    assert (told.reason, told.client_id) == (f"added client {Client.objects.get(client_id='a').pk}", "a")
    assert "redirect_uris: ['https://a.example/cb']" in told.changes


def test_what_a_server_does_by_itself_is_no_commands(db: None, committed: Committed) -> None:
    """The command's name must not stay in the process after the command has ended."""
    with committed():
        call_command("list_clients", stdout=StringIO())
        keys.rotate("ES256", now=timezone.now())
    assert set(AuditEvent.objects.filter(event="signing_key_changed").values_list("by", flat=True)) == {""}
