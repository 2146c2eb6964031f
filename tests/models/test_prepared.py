"""
Statements sent to PostgreSQL without a cursor send and read the same values as a cursor, in every state of the
connection.

On another database each test shows that nothing depends on the shortcut.
"""

import contextlib
import gc
import string
import uuid
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connections, transaction
from django.db.models import BigIntegerField, CharField, DateTimeField, UUIDField

from oauth_service.compiled import driver
from oauth_service.compiled.statement import Compiled, Placeholder, Select, Write, insert
from oauth_service.models import AuthorizationCode, Client, Grant, RevokedToken
from tests.database import ALIAS, connection
from tests.guide import Guide, query_of

pytestmark = pytest.mark.django_db(transaction=True)

IS_POSTGRESQL = connection.vendor == "postgresql"
NOW = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
TEXTS = [
    "",
    "user profile",
    "'; DROP TABLE x; --",
    "100% of %s and $1",
    "\\x00 \\' \"",
    "Zoë 🩺 ‮",
    string.printable.replace("\0", ""),
    "x" * 5000,
]


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Give each test a new connection, so that nothing is known about it from other tests."""
    connections[ALIAS].close()
    yield
    connections[ALIAS].close()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record every statement that goes through Django's cursor."""
    heard: list[str] = []
    through_django = driver._run_through_django

    def run(connection: Any, text: str, *arguments: Any) -> Any:
        heard.append(text)
        return through_django(connection, text, *arguments)

    monkeypatch.setattr(driver, "_run_through_django", run)
    return heard


insert_code = Write(lambda: AuthorizationCode, lambda: insert(AuthorizationCode))


def written(**changes: Any) -> AuthorizationCode:
    """Write a row by one of our statements, and read it by the ORM."""
    values = {
        "id": uuid.uuid4(),
        "consent_id": uuid.uuid4(),
        "secret": bytes(range(32)),
        "scope": "user",
        "redirect_uri": "",
        "code_challenge": "",
        "resources": "",
        "openid": "",
        "sign_in_id": None,
        "expires_at": NOW,
        "purge_at": NOW,
    } | changes
    assert insert_code.run(**values) == 1
    return AuthorizationCode.objects.get(pk=str(values["id"]))


# -- values ------------------------------------------------------------------------------------------------------------


def test_a_text_arrives_as_it_is() -> None:
    """No character of a text is taken for a parameter, an escape or an end."""
    assert [written(openid=text).openid for text in TEXTS] == TEXTS


def test_a_text_with_a_nul_is_refused_and_not_cut_off() -> None:
    """libpq would silently drop the NUL and everything after it."""
    if IS_POSTGRESQL:
        with pytest.raises((DataError, ValueError)):
            written(openid="alice\0root")
        assert AuthorizationCode.objects.count() == 0
    else:
        assert written(openid="alice\0root").openid == "alice\0root"


def test_octets_arrive_as_they_are() -> None:
    """A secret with a single wrong bit opens nothing."""
    secrets = [bytes(32), bytes(range(32)), b"\\x41" * 8, b"'%s$1\"\n\r\t" * 3]
    assert [bytes(written(secret=secret).secret) for secret in secrets] == secrets


def test_a_moment_arrives_to_the_microsecond() -> None:
    """The time zone of the value must not matter."""
    moments = [
        NOW,
        NOW.replace(microsecond=0),
        NOW.astimezone(timezone(timedelta(hours=5, minutes=45))),
        NOW.astimezone(timezone(-timedelta(hours=11, microseconds=0))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
    ]
    assert [written(expires_at=moment).expires_at for moment in moments] == moments


def test_an_id_arrives_or_none() -> None:
    """None must become NULL, and not the text “None”."""
    values = [None, uuid.UUID(int=0), uuid.uuid4()]
    assert [written(sign_in_id=value).sign_in_id for value in values] == values


def test_a_whole_number_may_grow() -> None:
    """The type of a parameter must not be fixed by the size of its first value."""
    statement = Select(
        lambda: Client,
        lambda: Client.objects.annotate(found=Placeholder("found", BigIntegerField())).values_list(
            "client_id", "found"
        ),
        tuple,
    )
    Client.objects.create(client_id="a")
    for value in (0, 1, -1, 2**15, 2**31, 2**62, 7):
        row = statement.one(found=value)
        assert row
        assert int(row[1]) == value


def test_constants_have_their_type() -> None:
    """The generation of a code is a number, although no column has that type."""
    row = AuthorizationCode.objects.row(written().pk)
    assert row is None  # no row without a consent
    statement = Select(
        lambda: AuthorizationCode,
        lambda: AuthorizationCode.objects.filter(pk=Placeholder("pk", UUIDField())).values_list("scope", "expires_at"),
        tuple,
    )
    assert statement.one(pk=written(scope="profile").pk) == ("profile", NOW)


def test_a_code_has_generation_zero(guide: Guide) -> None:
    """The generation of a code is a number, like that of a grant."""
    guide.code()
    row = AuthorizationCode.objects.row(AuthorizationCode.objects.get().pk)
    assert row
    assert (row.generation, type(row.generation)) == (0, int)


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_row_that_is_not_there_is_none() -> None:
    """After a missing row, the next existing one is still read correctly."""
    Client.objects.create(client_id="a", name="A")
    names = [row and row.name for row in map(Client.objects.row, ["b", "a", "b", "a"])]
    assert names == [None, "A", None, "A"]


def test_the_rows_that_were_written_are_counted(guide: Guide) -> None:
    """The row count decides which request redeemed a code."""
    guide.tokens()
    pk = Grant.objects.get().pk
    assert [Grant.objects.end(pk) for _ in range(3)] == [True, False, False]


def test_a_failure_is_djangos() -> None:
    """Error handlers look for Django's exception classes, and the connection stays usable."""
    pk = written().pk
    for _ in range(2):
        with pytest.raises(IntegrityError):
            written(id=pk)
    assert written().scope == "user"


@pytest.mark.skipif(not IS_POSTGRESQL, reason="only there a constraint is looked at this late")
def test_a_commit_that_is_refused_after_its_statement_is_a_failure(seen: list[str]) -> None:
    """The COMMIT can fail after the statement has succeeded, for instance with SERIALIZABLE transactions."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE late (number integer UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    text = "INSERT INTO late (number) VALUES (%s)"
    assert driver.write(connections[ALIAS], text, [1]) == 1
    with pytest.raises(IntegrityError, match="late_number_key"):
        driver.write(connections[ALIAS], text, [1])
    assert (driver.write(connections[ALIAS], text, [2]), seen) == (1, [])


# -- connections -------------------------------------------------------------------------------------------------------


def test_nothing_goes_through_djangos_cursor_in_the_common_case(guide: Guide, seen: list[str]) -> None:
    """The tests below prove something only if the usual path bypasses Django's cursor."""
    guide.tokens()
    seen.clear()  # storing a consent takes a transaction
    code = query_of(guide.browser.get("/authorise/", guide.request())["Location"])["code"]
    tokens = guide.exchange(code).json()
    refreshed = guide.refresh(tokens["refresh_token"]).json()
    guide.userinfo(refreshed["access_token"])
    guide.revoke(refreshed["access_token"])
    guide.revoke(refreshed["refresh_token"])
    if IS_POSTGRESQL:
        assert seen == []


def deallocate() -> None:
    if IS_POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE 'oauth_service%'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DEALLOCATE {name}")


def roll_back() -> None:
    """Roll back a transaction, after which psycopg deallocates every prepared statement, also those of others."""
    for _ in range(7):
        Client.objects.count()
    with transaction.atomic(using=ALIAS):
        transaction.set_rollback(True, using=ALIAS)


def close() -> None:
    connections[ALIAS].close()


@pytest.mark.parametrize("between", [deallocate, roll_back, close])
def test_what_was_prepared_may_be_gone(between: Callable[[], None]) -> None:
    """The statement is prepared again. Nothing fails, and nothing is written twice."""
    Client.objects.create(client_id="a")
    for _ in range(3):
        assert written(scope="user").scope == "user"
        assert Client.objects.row("a")
        between()
    assert AuthorizationCode.objects.count() == 3


def test_a_pooler_in_between_gets_nothing_prepared(seen: list[str]) -> None:
    """A pooler may send the next statement to another server (prepare_threshold None)."""
    connection.ensure_connection()
    if IS_POSTGRESQL:
        connection.connection.prepare_threshold = None
    Client.objects.create(client_id="a")
    assert [bool(Client.objects.row(name)) for name in ("a", "b", "a")] == [True, False, True]
    if IS_POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'oauth_service%'")
            assert cursor.fetchone() == (0,)
        assert seen == []


def test_a_project_without_autocommit_keeps_its_transaction() -> None:
    """A rollback by the project undoes our statements, too."""
    connection.ensure_connection()
    transaction.set_autocommit(False, using=ALIAS)
    try:
        pk = written().pk
        transaction.rollback(using=ALIAS)
    finally:
        transaction.set_autocommit(True, using=ALIAS)
    assert not AuthorizationCode.objects.filter(pk=pk).exists()


def test_within_a_transaction_it_is_part_of_it() -> None:
    """A rollback undoes our statement together with the rest of the transaction."""
    written()
    with transaction.atomic(using=ALIAS):
        written()
        transaction.set_rollback(True, using=ALIAS)
    assert AuthorizationCode.objects.count() == 1


@pytest.mark.parametrize("encoding", ["LATIN1", "UTF8"])
def test_a_connection_in_another_encoding_reads_and_writes_the_same(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """A project may have chosen the encoding in its OPTIONS."""
    if IS_POSTGRESQL:
        options = connection.settings_dict["OPTIONS"] | {"client_encoding": encoding}
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert written(openid="Zoë").openid == "Zoë"


def test_a_pipeline_of_the_projects_is_not_disturbed() -> None:
    """The results in a pipeline arrive in the order of the project's own statements."""
    Client.objects.create(client_id="a")
    connection.ensure_connection()
    if IS_POSTGRESQL:
        with connection.connection.pipeline():
            connection.connection.execute("SELECT 1")
            assert Client.objects.row("a")
    assert Client.objects.row("a")


def test_what_was_known_of_a_connection_goes_with_it() -> None:
    """A long-lived server has had many connections, and their state must not pile up."""
    Client.objects.row("a")
    if not IS_POSTGRESQL:
        assert driver._kept.statements is None
        return
    gone = weakref.ref(connection.connection)
    connections[ALIAS].close()
    driver._kept.driver = driver._kept.statements = None
    gc.collect()
    assert gone() is None


def test_a_value_of_another_kind_goes_through_djangos_cursor(seen: list[str]) -> None:
    """A project's own text or number types may have adapters of their own, which only the cursor applies."""

    class Name(str):
        pass

    Client.objects.create(client_id="a")
    assert Client.objects.row(Name("a"))
    assert seen != []


def test_a_naive_moment_is_djangos_to_judge(seen: list[str]) -> None:
    """PostgreSQL would take a naive moment for one in the session's time zone."""
    statement = Select(
        lambda: RevokedToken,
        lambda: RevokedToken.objects.filter(purge_at__gt=Placeholder("at", DateTimeField())).values_list("pk"),
        tuple,
    )
    with contextlib.nullcontext() if IS_POSTGRESQL else pytest.warns(RuntimeWarning):
        statement.one(at=datetime(2026, 3, 1, 12))  # noqa: DTZ001 - what it is about
    assert seen != []


def test_the_same_statement_in_text_and_in_binary_is_two() -> None:
    """Text and binary results need different column readers."""
    Client.objects.create(client_id="a")

    def statement() -> Select[Any]:
        rows = Client.objects.filter(client_id=Placeholder("client_id", CharField())).values_list("pk", "client_id")
        return Select(lambda: Client, lambda: rows, tuple)

    plain, other = statement(), statement()
    compiled = other._on(connection)
    other._compiled[ALIAS] = Compiled(compiled.sql, compiled.parameters)
    pk = Client.objects.get().pk
    assert [each.one(client_id="a") for each in (plain, other, plain, other)] == [(pk, "a")] * 4
