"""Our compiled statements read the same values as the ORM, for every type of column in a host project."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, models
from django.db.models.functions import Cast

import oauth_service.urls  # noqa: F401 - all that serves is there
from oauth_service.compiled.statement import Placeholder, Select
from oauth_service.models import Client
from tests.database import ALIAS, connection

SPANS = [timedelta(hours=1), timedelta(days=-400, microseconds=1), timedelta(days=999_999, seconds=86_399)]
PLAIN = [
    Cast(models.Value("3f2504e0-4f89-41d3-9a0c-0305e82c3301"), models.UUIDField()),
    Cast(models.Value("2026-03-01 12:00:00.000001+00:00"), models.DateTimeField()),
    Cast(models.Value(str(2**40)), models.BigIntegerField()),
    Cast(models.Value("alice@example.com"), models.EmailField()),
    models.Value(b"\x00\xff", models.BinaryField()),
    models.Value(True),
    Cast(models.Value("https://example.com/"), models.URLField()),
    Cast(models.Value("2147483647"), models.PositiveIntegerField()),
    *(models.Value(span, models.DurationField()) for span in SPANS),
]
OTHERS = [
    Cast(models.Value('{"theme": ["dark"]}'), models.JSONField()),
    Cast(models.Value("203.0.113.7"), models.GenericIPAddressField()),
    Cast(models.Value("1.50"), models.DecimalField(max_digits=5, decimal_places=2)),
    Cast(models.Value("2026-03-01"), models.DateField()),
    Cast(models.Value(1.5), models.FloatField()),
]


def kind(expression: Any) -> str:
    return type(expression.output_field).__name__


def read_both_ways(expression: Any) -> tuple[Any, Any, Select[tuple[Any, ...]]]:
    def queryset() -> models.QuerySet[Any, Any]:
        found = Client.objects.filter(client_id=Placeholder("client_id", models.CharField()))
        return found.annotate(found=expression).values_list("client_id", "found")

    statement = Select(lambda: Client, queryset, tuple)
    Client.objects.create(client_id="a")
    ours = statement.one(client_id="a")
    return ours, Client.objects.annotate(found=expression).values_list("client_id", "found").get(), statement


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("expression", [*PLAIN, *OTHERS], ids=kind)
def test_it_reads_what_the_orm_reads(expression: Any) -> None:
    """Values must be equal and have the same type."""
    ours, orms, _ = read_both_ways(expression)
    assert [(type(value), value) for value in map(_comparable, ours)] == [
        (type(value), value) for value in map(_comparable, orms)
    ]
    assert isinstance(ours[1], (UUID, datetime, int, str, bytes, dict, Decimal, date, float, timedelta, memoryview))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("expression", [*PLAIN, *OTHERS], ids=kind)
def test_only_rows_of_plain_columns_are_sent_in_binary(expression: Any) -> None:
    """Django's own loaders, for instance for JSON and IP addresses, expect text."""
    _, _, statement = read_both_ways(expression)
    assert statement._on(connection).are_plain is (expression in PLAIN)


def statements() -> list[Select[Any]]:
    """Return every compiled SELECT of this app."""
    modules = [module for name, module in sys.modules.items() if name.startswith("oauth_service.")]
    return [each for module in modules for each in vars(module).values() if isinstance(each, Select)]


@pytest.mark.django_db
def test_all_that_we_read_comes_in_binary() -> None:
    """
    A single column of another kind made every token request read its whole row as text, which took a fifth more
    instructions.
    """
    found = statements()
    assert len(found) >= 6
    assert [statement for statement in found if not statement._compile(connection).are_plain] == []


def _comparable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["_cursor", "create_cursor"])
def test_a_backend_of_a_projects_own_is_asked_for_each_cursor(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """
    Such a backend may count statements or choose a tenant's schema. Without it, a tenant could get another tenant's
    rows.
    """
    backend = connections[ALIAS]
    heard: list[str] = []

    def cursor(self: Any, *arguments: Any) -> Any:
        heard.append(name)
        return getattr(type(backend).__base__, name)(self, *arguments)

    monkeypatch.setattr(backend, "__class__", type("Tenants", (type(backend),), {name: cursor}))
    backend.close()
    Client.objects.row("a")
    heard.clear()
    Client.objects.row("a")
    backend.close()
    assert heard == [name]


@pytest.mark.django_db(transaction=True)
def test_a_migration_beside_it_costs_no_request_an_error() -> None:
    """PostgreSQL refuses a prepared statement for the rest of the connection when the type of a column has changed."""
    Client.objects.create(client_id="a", name="before")
    assert [row.name for _ in range(3) if (row := Client.objects.row("a"))] == ["before"] * 3
    now, wider = Client._meta.get_field("name"), models.CharField(max_length=200)
    wider.set_attributes_from_name("name")
    alter(now, wider)
    try:
        found = Client.objects.row("a")
    finally:
        alter(wider, now)
    assert found
    assert found.name == "before"


def alter(before: Any, after: Any) -> None:
    """Change a column as a migration does, on a connection of its own."""

    def migrate() -> None:
        with connection.schema_editor() as editor:
            editor.alter_field(Client, before, after)
        connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(migrate).result()
