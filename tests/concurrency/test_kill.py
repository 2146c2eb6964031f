"""A server that is killed at any moment: everything that it acknowledged is stored, and nothing is stored by half."""

import itertools
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from config.processes import START_SECONDS, is_listening
from config.sites import ROOT
from oauth_service.models import AuthorizationCode, Client, Grant
from oauth_service.protocol import sealed
from tests.concurrency.conftest import Tabs
from tests.concurrency.threads import PATIENCE_SECONDS
from tests.database import connection
from tests.guide import REDIRECT_URI, Guide, query_of

KILLS = 4
CLIENTS = 4
CODES = 5  # for each client, between two kills

# Like runserver, but without a delay of 40 ms: it sends head and body separately, and Nagle's algorithm holds the
# second back.
RUNSERVER = """
import sys
from django.core.management import execute_from_command_line
from django.core.servers.basehttp import WSGIRequestHandler
WSGIRequestHandler.disable_nagle_algorithm = True
execute_from_command_line(sys.argv)
"""


# -- the server --------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """The server's site in a process of its own, on the database of this test."""

    log: IO[str]
    port: int = 0
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process, and wait until it responds."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNSERVER, "runserver", f"127.0.0.1:{self.port}", "--noreload", "--skip-checks"],
            cwd=ROOT,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.server.settings", "DATABASE_URL": database_url()},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not is_listening(self.port):
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the process by SIGKILL: no handler runs, nothing is flushed, and its database connections break."""
        if connection.vendor == "sqlite":
            connection.close()  # so that the server had the file open alone, and the next one must recover it
        with connection.cursor() if connection.vendor == "postgresql" else nullcontext() as cursor:
            if self.process:
                self.process.kill()
            if cursor:
                # As if the whole machine had stopped: a statement that PostgreSQL is executing is not finished either.
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            if self.process:
                self.process.wait()


def database_url() -> str:
    """Return the URL of this test's database, as a server reads it from the environment."""
    settings = connection.settings_dict
    if connection.vendor == "postgresql":
        return f"postgres://{settings['USER']}@/{settings['NAME']}?host={quote(settings['HOST'], safe='')}"
    return f"sqlite:///{settings['NAME']}"


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    """A server that is not started yet, and does not outlive its test."""
    with (tmp_path / "server.log").open("w") as log:
        server = Server(log)
        yield server
        server.kill()


PAUSE = {
    "sqlite": """
        CREATE VIEW pause AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i FROM n
        ---
        CREATE TRIGGER pause BEFORE INSERT ON oauth_service_grant BEGIN SELECT count(*) FROM pause; END
    """,
    "postgresql": """
        CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END'
        ---
        CREATE TRIGGER pause BEFORE INSERT ON oauth_service_grant FOR EACH ROW EXECUTE FUNCTION pause()
    """,
}
NO_PAUSE = {
    "sqlite": "DROP TRIGGER pause --- DROP VIEW pause",
    "postgresql": "DROP FUNCTION pause CASCADE",
}


@pytest.fixture
def slow_grants(transactional_db: None) -> Iterator[None]:
    """Extend the moment between the deletion of a code and the INSERT of its grant, so that kills fall into it."""

    def run(statements: str) -> None:
        with connection.cursor() as cursor:
            for statement in statements.split("---"):
                cursor.execute(statement)

    run(PAUSE[connection.vendor])
    yield
    run(NO_PAUSE[connection.vendor])


# -- its clients -------------------------------------------------------------------------------------------------------


@dataclass
class Caller:
    """The client's server, over real HTTP."""

    http: httpx.Client
    credentials: dict[str, str]
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def post(self, path: str, **body: str) -> httpx.Response:
        answer = self.http.post(path, json=body | self.credentials)
        self.answered.release()
        assert answer.status_code in (200, 400), answer.text
        return answer

    def exchange(self, code: str) -> httpx.Response:
        return self.post("/token/", grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)

    def refresh(self, token: str) -> httpx.Response:
        return self.post("/token/", grant_type="refresh_token", refresh_token=token)

    def revoke(self, token: str) -> httpx.Response:
        return self.post("/oauth/revoke/", token=token)

    def is_alive(self, token: str) -> bool:
        answer = self.http.get("/userinfo/", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200


@dataclass
class Connection:
    """A connection of an app as far as its client knows. The result of an unanswered request is in doubt."""

    code: str
    in_doubt: str = ""
    refresh_tokens: list[str] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    ended: bool = False

    @property
    def pk(self) -> UUID:
        """The id of the code, and of the grant that it becomes."""
        return sealed.read(sealed.AuthorizationCode, self.code).row_id

    @property
    def generation(self) -> int:
        """The generation of the newest refresh token that the client knows."""
        return len(self.refresh_tokens) - 1

    def ask(self, request: str, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send a request that changes this connection. Without a response its result stays in doubt."""
        self.in_doubt = request
        answer = send()
        self.in_doubt = ""
        assert answer.status_code == 200, answer.text
        return answer

    def keep(self, answer: httpx.Response) -> None:
        """Store the tokens of a response."""
        tokens = answer.json()
        self.refresh_tokens.append(tokens["refresh_token"])
        self.alive.add(tokens["access_token"])

    def exchange(self, caller: Caller) -> None:
        self.keep(self.ask("exchange", lambda: caller.exchange(self.code)))

    def refresh(self, caller: Caller) -> None:
        self.keep(self.ask("refresh", lambda: caller.refresh(self.refresh_tokens[-1])))

    def revoke_one(self, caller: Caller) -> None:
        token = self.alive.pop()
        self.ask(token, lambda: caller.revoke(token))
        self.dead.add(token)

    def revoke_all(self, caller: Caller) -> None:
        self.ask("revoke", lambda: caller.revoke(self.refresh_tokens[-1]))
        self.end()

    def end(self) -> None:
        """Note that none of its tokens may be accepted from now on."""
        self.ended, self.alive, self.dead = True, set(), self.dead | self.alive


def live(caller: Caller, connections: list[Connection], chance: random.Random) -> None:
    """Make connections and use them in every way, until the server is gone."""
    waiting, going = list(connections), list[Connection]()
    try:
        while True:
            if waiting and (not going or chance.random() < 0.4):
                going.append(waiting.pop())
                going[-1].exchange(caller)
                continue
            chosen = chance.choice(going)
            what = chance.random()
            if what < 0.3 and chosen.alive:
                chosen.revoke_one(caller)
            elif what < 0.5 and len(going) > 1:
                going.remove(chosen)
                chosen.revoke_all(caller)
            else:
                chosen.refresh(caller)
    except httpx.TransportError:
        return


# -- invariants afterwards ---------------------------------------------------------------------------------------------


def settle(connection: Connection, caller: Caller) -> None:
    """Check a connection against what its client knows, and resolve what is in doubt."""
    code = AuthorizationCode.objects.filter(pk=connection.pk).exists()
    grant = Grant.objects.filter(pk=connection.pk).first()
    # There is a code or its grant, never both. Neither is there only if the grant was ended.
    assert not (code and grant)
    assert code or grant or connection.ended or connection.in_doubt == "revoke"
    if code:
        assert not connection.refresh_tokens
        connection.exchange(caller)
        return
    if not grant:
        connection.end()
    elif not connection.refresh_tokens:
        # The response with the tokens was lost; the user will be sent here again.
        assert connection.in_doubt == "exchange"
        return
    assert {token: caller.is_alive(token) for token in connection.dead} == dict.fromkeys(connection.dead, False)
    assert {token: caller.is_alive(token) for token in connection.alive} == dict.fromkeys(connection.alive, True)
    if not grant:
        assert caller.refresh(connection.refresh_tokens[-1]).status_code == 400
        return
    assert not connection.ended
    assert grant.generation - connection.generation in ({0, 1} if connection.in_doubt == "refresh" else {0})
    # Whether the response or the request was lost: sending the same token again brings both sides to the same
    # generation.
    connection.refresh(caller)
    assert Grant.objects.get(pk=connection.pk).generation == connection.generation


@pytest.mark.fault
def test_a_server_that_is_killed_loses_nothing_and_leaves_nothing_half_done(
    guide: Guide, tabs: Tabs, server: Server, slow_grants: None
) -> None:
    """
    SIGKILL hits at random moments of exchanges, refreshes and revocations. Then everything is checked on the restarted
    server.

    Every acknowledged grant, rotation and revocation is stored. Every unacknowledged one is stored completely or not at
    all. No token that was dead once is alive again at the end.
    """
    credentials = {"client_id": guide.client.client_id, "client_secret": Client.objects.rotate_secret(guide.client)}
    chance = random.Random()
    everything: list[Connection] = []

    @contextmanager
    def calling() -> Iterator[Caller]:
        with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as http:
            yield Caller(http, credentials)

    guide.code()
    server.start()
    for _ in range(KILLS):
        shares = [[Connection(query_of(tabs.ask()["Location"])["code"]) for _ in range(CODES)] for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool, calling() as caller:
            ends = [pool.submit(live, caller, share, chance) for share in shares]
            for _ in range(chance.randrange(8, 40)):
                assert caller.answered.acquire(timeout=PATIENCE_SECONDS)
            time.sleep(chance.uniform(0, 0.03))
            server.kill()
            assert [end.result(PATIENCE_SECONDS) for end in ends] == [None] * CLIENTS
        server.start()
        with calling() as caller:
            for connection in itertools.chain(*shares):
                settle(connection, caller)
        everything += itertools.chain(*shares)
    dead = {token for connection in everything for token in connection.dead}
    with calling() as caller:
        assert {token: caller.is_alive(token) for token in dead} == dict.fromkeys(dead, False)
