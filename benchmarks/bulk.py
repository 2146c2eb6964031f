"""
Millions of users, consents and grants, which PostgreSQL copies from one of each that the server made.

Columns that are not named here are copied unchanged, so the rows are like those that today's server writes.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping

import psycopg
from psycopg import sql

USERS, CONSENTS, GRANTS = "auth_user", "oauth_service_consent", "oauth_service_grant"
# Lifetimes end on different days, as they do in use.
AGO = "(c.user_id % 29) * interval '1 day'"
GRANT = {
    "id": "gen_random_uuid()",
    "secret": "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())",
    "consent_id": "c.id",
    "user_id": "c.user_id",
    "expires_at": f"t.expires_at - {AGO}",
    "purge_at": f"t.purge_at - {AGO}",
}


def grow(connection: psycopg.Connection, count: int) -> int:
    """
    Create users, each with a consent and a live grant.

    Returns:
        id of the first user; the others follow it.
    """
    row = connection.execute(f"SELECT max(id) FROM {USERS}").fetchone()
    first = row[0] + 1 if row else 1
    connection.execute("SET maintenance_work_mem = '1GB'")
    _multiply(
        connection,
        USERS,
        {"id": "g", "username": "'scale' || g", "email": "'scale' || g || '@example.com'"},
        source=f"generate_series({first}, {first + count - 1}) g",
    )
    connection.execute(f"SELECT setval(pg_get_serial_sequence('{USERS}', 'id'), {first + count})")
    with _without_indexes(connection, CONSENTS):
        _multiply(
            connection,
            CONSENTS,
            {"id": "gen_random_uuid()", "user_id": "g"},
            source=f"generate_series({first}, {first + count - 1}) g",
        )
    with _without_indexes(connection, GRANTS):
        _multiply(connection, GRANTS, GRANT, source=f"{CONSENTS} c WHERE c.user_id >= {first}")
    for table in (USERS, CONSENTS, GRANTS):
        connection.execute(f"VACUUM (ANALYZE) {table}")
    connection.execute("CHECKPOINT")
    _warm(connection)
    return first


def _warm(connection: psycopg.Connection) -> None:
    """Make PostgreSQL read tables and keys into its own memory, as after an hour of use."""
    connection.execute("SET enable_seqscan = off")
    for table in (USERS, CONSENTS, GRANTS):
        # A sequential scan would use only a few buffers, to spare the others.
        connection.execute(f"SELECT count(*) FROM {table} WHERE ctid >= '(0,0)'")
        connection.execute(f"SELECT count(*) FROM (SELECT id FROM {table} ORDER BY id OFFSET 0)")
    connection.execute("RESET enable_seqscan")


def bury(connection: psycopg.Connection, count: int) -> None:
    """Create grants that have been dead for days, for the sweep to find."""
    dead = GRANT | {"expires_at": "now() - interval '9 days'", "purge_at": "now() - interval '8 days'"}
    _multiply(
        connection, GRANTS, dead, source=f"(SELECT * FROM {CONSENTS} LIMIT 1) c CROSS JOIN generate_series(1, {count})"
    )
    connection.execute(f"ANALYZE {GRANTS}")


def unswept(connection: psycopg.Connection) -> int:
    """Number of dead grants that are still there."""
    return _number(connection, f"SELECT count(*) FROM {GRANTS} WHERE purge_at <= now()")


def rows(connection: psycopg.Connection) -> dict[str, int]:
    """Number of rows in each table of the server."""
    tables = connection.execute("SELECT relid::regclass::text FROM pg_stat_user_tables ORDER BY 1").fetchall()
    return {table: _number(connection, f"SELECT count(*) FROM {table}") for (table,) in tables}


def size(connection: psycopg.Connection, *, kind: str = "total_relation") -> int:
    """Size of the grants in bytes: the `table` alone, its `indexes`, or the `total_relation`."""
    return _number(connection, f"SELECT pg_{kind}_size('{GRANTS}')")


def updates(connection: psycopg.Connection) -> tuple[int, int]:
    """Number of updates to grants, and number of those that touched no index (HOT)."""
    time.sleep(2)  # the servers report their statistics with a delay
    query = f"SELECT {{}} FROM pg_stat_user_tables WHERE relname = '{GRANTS}'"
    return _number(connection, query.format("n_tup_upd")), _number(connection, query.format("n_tup_hot_upd"))


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _multiply(connection: psycopg.Connection, table: str, expressions: Mapping[str, str], *, source: str) -> None:
    columns = [
        name
        for (name,) in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
            [table],
        )
    ]
    values = ", ".join(expressions.get(name, f't."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    one = f"(SELECT * FROM {table} ORDER BY id LIMIT 1) t"
    connection.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {one} CROSS JOIN {source}".encode())


@contextlib.contextmanager
def _without_indexes(connection: psycopg.Connection, table: str) -> Iterator[None]:
    # Building an index takes minutes for existing rows, and hours if it grows with every row.
    constraints = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype DESC",
        [table],
    ).fetchall()
    indexes = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        [table],
    ).fetchall()
    for name, _ in constraints:
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        )
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    yield
    for _, definition in indexes:
        connection.execute(definition.encode())
    for name, definition in constraints:
        connection.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())
