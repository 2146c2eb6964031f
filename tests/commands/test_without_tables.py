"""Every command prints one sentence and no traceback before migrate has run, and while the database is down."""

import io
import pkgutil
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError

from oauth_service.management import commands
from tests.database import connection

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "create_client": ("--name=P", "--redirect-uri=https://p.example/"),
    "create_registration_token": ("Partner",),
    "create_resource": ("https://api.example/", "--name=API", "--scope", "read=Read it"),
    "end_own_tokens": ("presc_man_123",),
    "list_clients": (),
    "list_resources": (),
    "oauth_keys": ("list",),
    "oauth_restored": ("--noinput",),
    "purge": (),
    "rotate_secret": ("presc_man_123",),
    "show_client": ("presc_man_123",),
    "trust_issuer": ("https://issuer.example", "--purpose=jwt-bearer", "--jwks-uri=https://issuer.example/jwks"),
}
# The doctor queries the database itself, and reports what it finds.
DOCTOR = "oauth_doctor"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything_is_on(settings: Any) -> None:
    """Switch all features on: a command of another feature would stop before it queries the database."""
    settings.OAUTH_SERVICE_REGISTRATION = "token"
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your user name", "openid": "Who you are"}


def test_the_walk_has_every_command() -> None:
    """A developer who adds a command must add its arguments here."""
    names = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    assert names == ARGUMENTS.keys() | {DOCTOR}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_database_without_tables_is_one_sentence(command: str) -> None:
    """A traceback would show our code, and not how to solve the problem."""

    def refuse(*_: Any) -> None:
        raise OperationalError("no such table: oauth_service_client")

    with connection.execute_wrapper(refuse), pytest.raises(CommandError) as refusal:
        call_command(command, *ARGUMENTS[command], stdout=io.StringIO())
    assert str(refusal.value) == "The database refused: no such table: oauth_service_client."


@pytest.mark.parametrize("command", ARGUMENTS)
def test_migrations_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """The sentence also names the command that applies them."""

    def refuse(*_: Any) -> None:
        raise ProgrammingError("relation does not exist")

    monkeypatch.setattr("oauth_service.watch.readiness.unapplied", lambda: ["oauth_service.0001_initial"])
    with connection.execute_wrapper(refuse), pytest.raises(CommandError) as refusal:
        call_command(command, *ARGUMENTS[command], stdout=io.StringIO())
    assert str(refusal.value) == (
        "The database lacks migrations (oauth_service.0001_initial). Run manage.py migrate first."
    )
