"""
SQL statements that the ORM compiles once and that run many times: the statements of token requests.

The ORM takes longer to compile a statement than the database takes to run it. These statements are compiled once per process and
database; then only their values change. driver.py runs them.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import sql
from django.db.models.constants import OnConflict
from django.db.models.expressions import Value

from .. import database
from . import driver

R = TypeVar("R")
T = TypeVar("T")
Adapt = Callable[[Any], Any]

# Fields whose values psycopg takes unchanged; others, and all on other databases, are prepared by their field.
_PASSED_UNCHANGED = (
    models.UUIDField,
    models.DateTimeField,
    models.CharField,
    models.EmailField,
    models.TextField,
    models.BigIntegerField,
    models.PositiveBigIntegerField,
    models.IntegerField,
    models.BigAutoField,
    models.AutoField,
    models.BooleanField,
)
# Fields that Django and psycopg read alike in PostgreSQL's text and binary forms.
_DECODED_ALIKE = (
    *_PASSED_UNCHANGED,
    models.BinaryField,
    models.URLField,
    models.PositiveSmallIntegerField,
    models.PositiveIntegerField,
    models.DurationField,
)


class Placeholder(Value):
    """A named value in a filter, an update or an insert, which each run of the statement provides."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(None, output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    @property
    def field(self) -> "models.Field[Any, Any]":
        """The field that the value is for."""
        return self.output_field

    def adapt(self, connection: BaseDatabaseWrapper) -> Adapt | None:
        """Return the function that converts the value for the database; None if it needs no conversion."""
        if connection.vendor == "postgresql" and _stored_as(self.field) in _PASSED_UNCHANGED:
            return None
        prepare = self.field.get_db_prep_save if self.for_save else self.field.get_db_prep_value
        return lambda value: prepare(value, connection)


def placeholders(model: type[models.Model], *names: str) -> dict[str, Placeholder]:
    """Return a placeholder for each named field, by the field's attname."""
    fields = [model._meta.get_field(name) for name in names]
    return {field.attname: Placeholder(field.attname, _of_its_own_type(field)) for field in fields if field.concrete}


class Compiled:
    """
    A statement compiled for one database.

    Args:
        parameters: in the statement's order, the name and the conversion of each placeholder; ("", constant) for a value that
            never changes.
        are_plain: True if all columns read alike in PostgreSQL's binary form, which is faster to write and read: no JSON, and no
            field class of a host project.
    """

    __slots__ = ("_constants", "_conversions", "_names", "are_plain", "converters", "parameters", "sql")

    def __init__(
        self,
        sql: str,
        parameters: Sequence[tuple[str, Any]],
        converters: Sequence[tuple[int, Callable[[Any], Any]]] = (),
        *,
        are_plain: bool = False,
    ) -> None:
        self.sql, self.parameters, self.converters, self.are_plain = sql, parameters, converters, are_plain
        self._names = [name or f"constant {at}" for at, (name, _) in enumerate(parameters)]
        self._constants = {f"constant {at}": value for at, (name, value) in enumerate(parameters) if not name}
        self._conversions = [(at, adapt) for at, (name, adapt) in enumerate(parameters) if name and adapt]

    def bind(self, values: dict[str, Any]) -> list[Any]:
        """Return the values in the statement's order, as the database takes them."""
        named = values | self._constants if self._constants else values
        bound = list(map(named.__getitem__, self._names))
        for position, adapt in self._conversions:
            bound[position] = adapt(bound[position])
        return bound


class _Statement:
    """A statement that is compiled at its first run on a database, when the app registry is ready."""

    def __init__(self, model: Callable[[], type[models.Model]]) -> None:
        self._model = model
        self._compiled: dict[str, Compiled] = {}

    def _connection(self) -> BaseDatabaseWrapper:
        return connections[database.primary(self._model())]

    def _on(self, connection: BaseDatabaseWrapper) -> Compiled:
        try:
            return self._compiled[connection.alias]
        except KeyError:
            return self._compiled.setdefault(connection.alias, self._compile(connection))

    def _compile(self, connection: BaseDatabaseWrapper) -> Compiled:
        raise NotImplementedError


class Select(_Statement, Generic[R]):
    """
    A query whose rows become small typed objects.

    Args:
        model: the query runs on its database.
        rows: a queryset of values_list(), with placeholders in its filters.
        into: converts a row tuple.
    """

    def __init__(
        self,
        model: Callable[[], type[models.Model]],
        rows: Callable[[], "models.QuerySet[Any, Any]"],
        into: Callable[[tuple[Any, ...]], R],
    ) -> None:
        super().__init__(model)
        self._rows = rows
        self._into = into

    def one(self, **values: Any) -> R | None:
        """Return the only row; None if there is none."""
        connection = self._connection()
        compiled = self._on(connection)
        row = driver.run_again(connection, compiled.sql, compiled.bind(values), driver.first, binary=compiled.are_plain)
        if row is None:
            return None
        if compiled.converters:
            converted = list(row)
            for position, convert in compiled.converters:
                converted[position] = convert(converted[position])
            row = tuple(converted)
        return self._into(row)

    def _compile(self, connection: BaseDatabaseWrapper) -> Compiled:
        query = self._rows().query
        compiler = query.get_compiler(connection.alias)
        text, parameters = compiler.as_sql()
        expressions = [column[0] for column in compiler.select]
        found = compiler.get_converters(expressions)
        converters = [(at, _chain(steps, expression, connection)) for at, (steps, expression) in found.items()]
        are_plain = all(_stored_as(_of_its_own_type(column.output_field)) in _DECODED_ALIKE for column in expressions)
        return Compiled(text, _bindings(parameters, connection), converters, are_plain=are_plain)


class Write(_Statement):
    """
    An INSERT, UPDATE or DELETE.

    Args:
        model: the statement runs on its database.
        query: makes the query that the ORM compiles; see insert(), update() and delete().
    """

    def __init__(self, model: Callable[[], type[models.Model]], query: Callable[[], sql.Query]) -> None:
        super().__init__(model)
        self._query = query

    def run(self, **values: Any) -> int:
        """Run the statement; return the number of rows."""
        connection = self._connection()
        compiled = self._on(connection)
        return driver.write(connection, compiled.sql, compiled.bind(values))

    def _compile(self, connection: BaseDatabaseWrapper) -> Compiled:
        written = self._query().get_compiler(connection.alias).as_sql()
        text, parameters = written[0] if isinstance(written, list) else written
        return Compiled(text, _bindings(parameters, connection))


class ReplaceRow(_Statement):
    """
    Delete a row and insert another in its place, both or neither: in one statement on PostgreSQL, otherwise in a transaction.

    Args:
        model: the statement runs on its database.
        delete, insert: as query of Write.
    """

    def __init__(
        self,
        model: Callable[[], type[models.Model]],
        *,
        delete: Callable[[], sql.Query],
        insert: Callable[[], sql.Query],
    ) -> None:
        super().__init__(model)
        self._delete, self._insert = Write(model, delete), Write(model, insert)

    def run(self, **values: Any) -> bool:
        """Return True for exactly one of several concurrent callers: the one whose DELETE found the row."""
        connection = self._connection()
        if connection.vendor == "postgresql":
            compiled = self._on(connection)
            return driver.write(connection, compiled.sql, compiled.bind(values)) == 1
        with transaction.atomic(using=connection.alias):
            return self._delete.run(**values) == 1 and self._insert.run(**values) == 1

    def _compile(self, connection: BaseDatabaseWrapper) -> Compiled:
        delete, insert = self._delete._on(connection), self._insert._on(connection)
        head, _, row = insert.sql.partition(" VALUES ")
        row = row.removeprefix("(").removesuffix(")")
        text = f"WITH moved AS ({delete.sql} RETURNING 1) {head} SELECT {row} FROM moved"  # noqa: S608 - two texts of the compiler
        return Compiled(text, [*delete.parameters, *insert.parameters])


def insert(
    model: type[models.Model],
    *,
    ignore_conflicts: bool = False,
    unique: Sequence[str] = (),
    update_conflicts: Sequence[str] = (),
) -> sql.Query:
    """
    Make an INSERT of one row, with a placeholder for each column.

    Args:
        ignore_conflicts: True to leave an existing row unchanged.
        unique: fields that identify an existing row.
        update_conflicts: fields of an existing row to update.
    """
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    known, renewed = ([model._meta.get_field(name) for name in names] for names in (unique, update_conflicts))
    on_conflict = OnConflict.UPDATE if renewed else OnConflict.IGNORE if ignore_conflicts else None
    query = sql.InsertQuery(model, on_conflict=on_conflict, unique_fields=known, update_fields=renewed)
    row: Any = SimpleNamespace(**placeholders(model, *[field.name for field in fields]))
    query.insert_values(fields, [row], raw=True)
    return query


def update(rows: "models.QuerySet[Any]", **values: Any) -> sql.Query:
    """Make an UPDATE of the rows of a queryset."""
    query = cast("sql.UpdateQuery", rows.query.chain(sql.UpdateQuery))
    query.add_update_values(values)
    return query


def delete(rows: "models.QuerySet[Any]") -> sql.Query:
    """Make a DELETE of the rows of a queryset, without collecting related rows."""
    query = rows.query.clone()
    query.__class__ = sql.DeleteQuery
    return query


def _bindings(parameters: Sequence[Any], connection: BaseDatabaseWrapper) -> list[tuple[str, Any]]:
    return [(each.name, each.adapt(connection)) if isinstance(each, Placeholder) else ("", each) for each in parameters]


def _chain(steps: Sequence[Any], expression: Any, connection: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, expression, connection)
        return value

    return convert


def _stored_as(field: Any) -> Any:
    # To the database, a secret column is one of Django's fields; a host project's field class may be anything.
    return getattr(field, "stored_as", type(field))


def _of_its_own_type(field: Any) -> Any:
    # The value of a foreign key has the type of the key that it refers to.
    return field.target_field if field.is_relation else field
