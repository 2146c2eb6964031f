"""
Stricter isolation levels: a transaction that conflicts with another is repeated, with the same result as elsewhere.
"""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, transaction

import oauth_service
from oauth_service import database
from oauth_service.compiled import driver
from oauth_service.models import AuditEvent, Client, Consent, Grant
from tests.concurrency.conftest import Tabs, won
from tests.concurrency.threads import together
from tests.database import ALIAS, connection, isolated
from tests.guide import Guide, query_of

SOURCES = sorted(Path(oauth_service.__file__).parent.rglob("*.py"))


@pytest.fixture(params=["REPEATABLE_READ", "SERIALIZABLE"])
def strict(guide: Guide, tabs: Tabs, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the stricter level for new connections. SQLite has only its own level, which is the strictest."""
    if connection.vendor == "postgresql":
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", isolated(request.param))
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == (request.param.replace("_", " ").lower(),)
    yield
    connection.close()


@pytest.mark.usefixtures("strict")
def test_first_answers_of_the_same_moment_add_up(guide: Guide, tabs: Tabs) -> None:
    """The second of two used to get “the account or the app was removed meanwhile”, which was wrong."""
    for _round in range(3):
        Consent.objects.all().delete()
        answers = together(*[partial(tabs.allow, scope=scope) for scope in ("user", "profile")])
        codes = [query_of(answer["Location"])["code"] for answer in answers]
        assert set(Consent.objects.get().scope.split()) == {"user", "profile"}
        assert {guide.exchange(code).status_code for code in codes} == {200}


@pytest.mark.usefixtures("strict")
def test_exactly_one_exchange_wins(guide: Guide) -> None:
    """The others learn that the code was used, and not that the server is unavailable."""
    code = guide.code()
    assert len(won(*together(*[partial(guide.exchange, code)] * 8))) == 1


@pytest.mark.usefixtures("strict")
def test_refreshes_of_the_same_moment_get_one_successor(guide: Guide) -> None:
    """No client loses its connection, and the family does not fork."""
    refresh_token = guide.tokens()["refresh_token"]
    answers = together(*[partial(guide.refresh, refresh_token)] * 8)
    assert {answer.status_code for answer in answers} == {200}
    assert (len({answer.json()["refresh_token"] for answer in answers}), Grant.objects.get().generation) == (1, 1)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revocations_of_the_same_moment_are_one(guide: Guide, kind: str) -> None:
    """Each request gets 200, and the token is no longer valid."""
    tokens = guide.tokens()
    answers = together(*[partial(guide.revoke, tokens[kind])] * 8)
    assert {answer.status_code for answer in answers} == {200}
    assert not guide.is_alive(tokens["access_token"])


@pytest.mark.usefixtures("strict")
def test_everything_that_ends_a_connection_at_once(guide: Guide, tabs: Tabs) -> None:
    """Revocations, refreshes, exchanges and two Revoke buttons: no response is a server error, and nothing survives."""
    tokens, code = guide.tokens(), guide.code()
    answers = together(
        *[tabs.deauthorise] * 2,
        *[partial(guide.revoke, tokens["refresh_token"])] * 2,
        *[partial(guide.refresh, tokens["refresh_token"])] * 2,
        *[partial(guide.exchange, code)] * 2,
    )
    assert {answer.status_code for answer in answers} <= {200, 302, 400}
    assert (guide.is_alive(tokens["access_token"]), Consent.objects.count()) == (False, 0)


@pytest.mark.usefixtures("strict")
def test_clients_that_are_deleted_while_they_are_used(guide: Guide) -> None:
    """The deletion succeeds, and late requests are refused."""
    tokens = guide.tokens()
    delete: Callable[[], Any] = Client.objects.get().delete
    _, *answers = together(delete, *[partial(guide.refresh, tokens["refresh_token"])] * 4)
    assert {answer.status_code for answer in answers} <= {200, 400, 401}
    assert (Client.objects.count(), guide.is_alive(tokens["access_token"])) == (0, False)


# -- repeated transactions, in one thread ----------------------------------------------------------------------------


class Cause(Exception):
    """The exception that psycopg raises."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def failing(times: int, sqlstate: str, kind: type[Exception] = OperationalError) -> Callable[..., Any]:
    """Return an execute wrapper that lets the first writing statements fail, as after a conflict."""
    left = [times]

    def run(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if left[0] and sql.startswith(("INSERT", "UPDATE", "DELETE", "WITH")):
            left[0] -= 1
            raise kind("could not serialize access due to concurrent update") from Cause(sqlstate)
        return execute(sql, parameters, many, context)

    return run


SINGLE_WRITES: dict[str, Callable[[], object]] = {
    "a compiled statement": lambda: Grant.objects.end(Grant.objects.get().pk),
    "update": lambda: Client.objects.update(name="Another"),
    "delete": lambda: Client.objects.all().delete(),
    "delete of one": lambda: Client.objects.get().delete(),
    "delete without more": lambda: Consent.objects.all()._raw_delete(ALIAS),
    "create": lambda: Client.objects.create(client_id="another", name="Another"),
    "bulk_create": lambda: Client.objects.bulk_create([Client(client_id="another", name="Another")]),
}


@pytest.mark.parametrize("sqlstate", database.CONFLICTS)
@pytest.mark.parametrize("write", SINGLE_WRITES.values(), ids=SINGLE_WRITES)
def test_every_write_begins_anew(guide: Guide, write: Callable[[], object], sqlstate: str) -> None:
    """The failed attempt wrote nothing, and the next one sees what the other transaction wrote."""
    guide.tokens()
    with connection.execute_wrapper(failing(2, sqlstate)):
        write()


@pytest.mark.parametrize("write", ["delete", "delete of one"])
def test_a_deletion_begins_anew_if_what_refers_to_it_came_meanwhile(guide: Guide, write: str) -> None:
    """The deletion had collected its rows before, and is refused at its end."""
    with connection.execute_wrapper(failing(2, "23503", IntegrityError)):
        SINGLE_WRITES[write]()
    assert Client.objects.count() == 0


@pytest.mark.parametrize("sqlstate", ["57014", ""])
def test_another_failure_is_not_repeated(guide: Guide, sqlstate: str) -> None:
    """A cancelled statement or an unavailable database is not a conflict."""
    with pytest.raises(OperationalError), connection.execute_wrapper(failing(1, sqlstate)):
        Client.objects.update(name="Another")


def test_it_gives_up_in_the_end(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is asked to try again in a moment."""
    monkeypatch.setattr(database, "PAUSE_MILLISECONDS", 0)
    with pytest.raises(OperationalError), connection.execute_wrapper(failing(database.ATTEMPTS, "40001")):
        Client.objects.update(name="Another")


def test_within_a_transaction_of_the_projects_it_is_the_projects_to_repeat(guide: Guide) -> None:
    """The project's whole transaction failed, and only the project can repeat it."""
    with (
        pytest.raises(OperationalError),
        transaction.atomic(using=ALIAS),
        connection.execute_wrapper(failing(1, "40001")),
    ):
        Client.objects.update(name="Another")


def test_a_transaction_begins_anew_as_a_whole(guide: Guide) -> None:
    """Nothing of the failed attempt is left, and none of its events is announced."""
    attempts: list[str] = []

    def work() -> None:
        attempts.append("")
        Client.objects.create(client_id=f"client{len(attempts)}", name="Another")
        if len(attempts) == 1:
            raise IntegrityError("duplicate key value") from Cause(database.UNIQUE_VIOLATION)

    database.run_transaction(work)
    assert list(Client.objects.filter(name="Another").values_list("client_id", flat=True)) == ["client2"]


def test_the_trail_that_met_another_transaction_is_written_later(guide: Guide) -> None:
    """The writer keeps the events that it could not write."""
    from oauth_service.watch import audit

    guide.tokens()
    before = AuditEvent.objects.count()
    with connection.execute_wrapper(failing(1, "40001")):
        audit.flush()
    assert (audit.flush(), AuditEvent.objects.count() > before) == (True, True)


def test_every_transaction_of_ours_begins_anew() -> None:
    """
    All transactions but these use run_transaction(): two are a single writer's, and some are steps of another one.
    """
    found = {
        f"{source.stem}.{function.name}"
        for source in SOURCES
        for function in ast.walk(ast.parse(source.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "atomic"
    }
    assert found == {
        "database.run",
        "database.run_transaction",
        "statement.run",  # used without PostgreSQL
        "audit_event.add_all",  # the audit writer tries again by itself
        "audit_event.run_all",
        "audit._account_of",  # reads only; a failure must not spoil a surrounding transaction
        "consent.give",
    }


def test_every_compiled_write_begins_anew() -> None:
    """Compiled writes use driver.write(), which repeats."""
    source = next(path for path in SOURCES if path.name == "statement.py").read_text()
    assert "driver.run(" not in source
    assert source.count("driver.write(") == 2
    assert driver.write.__module__ == "oauth_service.compiled.driver"
