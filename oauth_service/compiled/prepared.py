"""
Statements that libpq's functions (psycopg.pq) send to PostgreSQL, prepared once on each connection.

At each execution, psycopg's cursor parses the text for parameters, looks into its cache, chooses dumpers and describes columns.
These statements never change, so most of this is done only once.

This module needs psycopg 3 (extra postgres): driver.py imports it only for a connection of psycopg 3.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from psycopg import Binary, Connection, generators
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.types.numeric import Int2, Int4, Int8

_UNKNOWN_STATEMENT = b"26000"  # PostgreSQL's invalid_sql_statement_name
_numbers = count()


def _text(value: str) -> bytes:
    if "\0" in value:  # libpq would cut the text there
        raise KeyError
    return value.encode()


def _moment(value: datetime) -> bytes:
    if value.tzinfo is None:
        raise KeyError
    return _int8((value - _EPOCH) // _MICROSECOND)


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL
_MICROSECOND = timedelta(microseconds=1)
_int8 = struct.Struct("!q").pack
_TEXT, _BINARY = 0, 1

# For each type, the conversion, the form of PostgreSQL that it makes, and the type's OID; 0 leaves the type to the statement.
# Integers have no type: the statement would be prepared for the size of the first one, and a later one may be too large.
_SENT: Mapping[type, tuple[Callable[[Any], bytes | None], int, int]] = {
    str: (_text, _TEXT, 0),
    int: (b"%d".__mod__, _TEXT, 0),
    Int2: (b"%d".__mod__, _TEXT, 21),
    Int4: (b"%d".__mod__, _TEXT, 23),
    Int8: (b"%d".__mod__, _TEXT, 20),
    bool: (lambda value: b"t" if value else b"f", _TEXT, 16),
    bytes: (bytes, _BINARY, 17),
    Binary: (lambda value: bytes(value.obj), _BINARY, 17),
    UUID: (attrgetter("bytes"), _BINARY, 2950),
    datetime: (_moment, _BINARY, 1184),
    type(None): (lambda _: None, _TEXT, 0),
}


@cache  # bounded by the statements and the types of their values
def _forms(kinds: tuple[type, ...]) -> tuple[list[Callable[[Any], bytes | None]], list[int], list[int]]:
    """Return the conversions, forms and OIDs of values of these types. KeyError: a cursor has to send one of them."""
    sent = [_SENT[kind] for kind in kinds]
    return [convert for convert, _, _ in sent], [form for _, form, _ in sent], [oid for _, _, oid in sent]


class Result:
    """The result of a statement, with the parts of a cursor that driver.first() and driver.count() use."""

    __slots__ = ("_result", "_transformer")

    def __init__(self, result: PGresult, transformer: Any) -> None:
        self._result, self._transformer = result, transformer

    def fetchone(self) -> tuple[Any, ...] | None:
        return cast("tuple[Any, ...]", self._transformer.load_row(0, tuple)) if self._result.ntuples else None

    @property
    def rowcount(self) -> int:
        return self._result.command_tuples or 0


class _Statement:
    __slots__ = ("name", "query", "transformer", "types", "was_read")

    def __init__(self, driver: "Connection[Any]", text: str, types: list[int]) -> None:
        first, *others = text.split("%s")
        numbered = first + "".join(f"${number}{piece}" for number, piece in enumerate(others, start=1))
        self.query = numbered.replace("%%", "%").encode()
        self.types = types
        self.name = b""
        self.transformer = Transformer(driver)
        self.was_read = False


class Statements:
    """The statements of one connection."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], _Statement] = {}

    def run(self, driver: "Connection[Any]", text: str, parameters: list[Any], *, binary: bool) -> Result | None:
        """
        Run a statement outside of any transaction; return None if a cursor has to do it.

        Raises:
            psycopg.Error: as a cursor's execute().
        """
        pgconn = driver.pgconn
        if pgconn.pipeline_status:
            return None
        try:
            conversions, forms, types = _forms(tuple(map(type, parameters)))
            values = [convert(value) for convert, value in zip(conversions, parameters, strict=True)]
        except KeyError:
            return None
        key = (text, binary)
        with driver.lock:
            if (statement := self._known.get(key)) is None:
                statement = self._known[key] = _Statement(driver, text, types)
            result = _run(driver, statement, values, forms, binary=binary)
            if result.status == ExecStatus.FATAL_ERROR and _sqlstate_of(result) == _UNKNOWN_STATEMENT:
                # All statements were deallocated, as psycopg does after a rollback.
                for each in self._known.values():
                    each.name = b""
                result = _run(driver, statement, values, forms, binary=binary)
        if result.status == ExecStatus.TUPLES_OK:
            statement.transformer.set_pgresult(result, set_loaders=not statement.was_read)
            statement.was_read = True
        elif result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)
        return Result(result, statement.transformer)


def statements_of(driver: "Connection[Any]") -> Statements | None:
    """Return the statements of a connection, which other threads may have used; None if its encoding is not UTF-8."""
    if driver.info.encoding != "utf-8":
        return None
    # Stored on the connection itself: a reference from anywhere else would keep the connection alive.
    return cast("Statements", vars(driver).setdefault("oauth_service_statements", Statements()))


def _run(
    driver: "Connection[Any]", statement: _Statement, values: list[bytes | None], forms: list[int], *, binary: bool
) -> PGresult:
    pgconn, result_form = driver.pgconn, _BINARY if binary else _TEXT
    if driver.prepare_threshold is None:  # a pooler may run each statement on another connection
        pgconn.send_query_params(statement.query, values, statement.types, forms, result_form)
        return _answer(driver)
    if not statement.name:
        name = b"oauth_service_%d" % next(_numbers)
        pgconn.send_prepare(name, statement.query, statement.types)
        if (result := _answer(driver)).status != ExecStatus.COMMAND_OK:
            return result
        statement.name = name
    pgconn.send_query_prepared(statement.name, values, forms, result_form)
    return _answer(driver)


def _answer(driver: "Connection[Any]") -> PGresult:
    # psycopg's own way of waiting lets other greenlets run and notices Ctrl-C.
    # The last result counts: the commit of a successful statement can fail after it, as under SERIALIZABLE.
    *_, result = driver.wait(generators.execute(driver.pgconn))
    return cast("PGresult", result)


def _sqlstate_of(result: PGresult) -> bytes | None:
    return result.error_field(DiagnosticField.SQLSTATE)
