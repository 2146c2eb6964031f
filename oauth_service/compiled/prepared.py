"""
Statements that libpq's functions (psycopg.pq) send to PostgreSQL, prepared once on each connection.

At each execution, psycopg's cursor parses the text for parameters, looks into its cache, chooses dumpers and describes columns.
These statements never change, so most of this is done only once.

This module needs psycopg 3 (extra postgres): driver.py imports it only for a connection of psycopg 3.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count
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
    return value.isoformat().encode()


def _octets(value: bytes) -> bytes:
    return b"\\x" + value.hex().encode()


# For each type, the conversion to PostgreSQL's text form, and the type's OID; 0 leaves the type to the statement. Integers have
# no type: the statement would be prepared for the size of the first one, and a later one may be too large.
_SENT: Mapping[type, tuple[Callable[[Any], bytes | None], int]] = {
    str: (_text, 0),
    int: (b"%d".__mod__, 0),
    Int2: (b"%d".__mod__, 21),
    Int4: (b"%d".__mod__, 23),
    Int8: (b"%d".__mod__, 20),
    bool: (lambda value: b"t" if value else b"f", 16),
    bytes: (_octets, 17),
    Binary: (lambda value: _octets(value.obj), 17),
    UUID: (lambda value: value.hex.encode(), 2950),
    datetime: (_moment, 1184),
    type(None): (lambda _: None, 0),
}
_DUMPERS = {kind: dump for kind, (dump, _) in _SENT.items()}


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

    def __init__(self, driver: "Connection[Any]", text: str, parameters: list[Any]) -> None:
        first, *others = text.split("%s")
        numbered = first + "".join(f"${number}{piece}" for number, piece in enumerate(others, start=1))
        self.query = numbered.replace("%%", "%").encode()
        self.types = [_SENT[type(value)][1] for value in parameters]
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
            values = [_DUMPERS[type(value)](value) for value in parameters]
        except KeyError:
            return None
        key = (text, binary)
        with driver.lock:
            if (statement := self._known.get(key)) is None:
                statement = self._known[key] = _Statement(driver, text, parameters)
            result = _run(driver, statement, values, binary=binary)
            if result.status == ExecStatus.FATAL_ERROR and _sqlstate_of(result) == _UNKNOWN_STATEMENT:
                # All statements were deallocated, as psycopg does after a rollback.
                for each in self._known.values():
                    each.name = b""
                result = _run(driver, statement, values, binary=binary)
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


def _run(driver: "Connection[Any]", statement: _Statement, values: list[bytes | None], *, binary: bool) -> PGresult:
    pgconn, formats = driver.pgconn, int(binary)
    if driver.prepare_threshold is None:  # a pooler may run each statement on another connection
        pgconn.send_query_params(statement.query, values, statement.types, result_format=formats)
        return _answer(driver)
    if not statement.name:
        name = b"oauth_service_%d" % next(_numbers)
        pgconn.send_prepare(name, statement.query, statement.types)
        if (result := _answer(driver)).status != ExecStatus.COMMAND_OK:
            return result
        statement.name = name
    pgconn.send_query_prepared(statement.name, values, result_format=formats)
    return _answer(driver)


def _answer(driver: "Connection[Any]") -> PGresult:
    # psycopg's own way of waiting lets other greenlets run and notices Ctrl-C.
    # The last result counts: the commit of a successful statement can fail after it, as under SERIALIZABLE.
    *_, result = driver.wait(generators.execute(driver.pgconn))
    return cast("PGresult", result)


def _sqlstate_of(result: PGresult) -> bytes | None:
    return result.error_field(DiagnosticField.SQLSTATE)
