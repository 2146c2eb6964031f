"""`make serve` starts, or lists what is missing, and stops without cutting off a request."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from config import serve
from config.serve import SECRETS
from config.sites import ROOT
from tests.production.deployment import Deployment, Served, eventually, free_port, refusal_to_start, serving

pytestmark = pytest.mark.production


def token_request(deployment: Deployment) -> dict[str, str]:
    """A token request that is refused after the client was found in the database and authenticated."""
    return {"grant_type": "none", "client_id": "presc_man_123", "client_secret": deployment.client_secret}


# -- start refused -------------------------------------------------------------------------------------------------------


def test_everything_that_is_missing_is_named_at_once(on_sqlite: Deployment) -> None:
    """An operator can then fix the whole list at once."""
    said = refusal_to_start(on_sqlite.environment(SECRET_KEY="", OAUTH_SERVICE_ISSUER="", SERVE_THREADS="many"))
    named = ["SECRET_KEY is not set", "OAUTH_SERVICE_ISSUER is not set", "SERVE_THREADS must be a whole number"]
    assert [words for words in named if words not in said] == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DEBUG": "1"}, "DEBUG is on"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"OAUTH_SERVICE_ISSUER": ""}, "OAUTH_SERVICE_ISSUER is not set"),
        ({"OAUTH_SERVICE_ISSUER": "http://auth.example.com"}, "oauth_service.E006"),
        ({"OAUTH_SERVICE_ISSUER": "http://["}, "- OAUTH_SERVICE_ISSUER is not a URL: Invalid IPv6 URL."),
        ({"SERVE_PORT": "70000"}, "- SERVE_PORT must be a whole number from 1 to 65535."),
        ({"SERVE_DIRECT": "yes"}, "- SERVE_DIRECT must be a whole number from 0 to 1."),
        ({"SERVE_WORKERS": "9" * 5000}, "- SERVE_WORKERS must be a whole number from 1 to"),
        ({"OAUTH_SERVICE_TOKEN_KEY": "short"}, "oauth_service.E008"),
        ({"TRUSTED_PROXIES": "the-balancer"}, "TRUSTED_PROXIES"),
        ({"ACCESS_TOKEN_SECONDS": "0"}, "- ACCESS_TOKEN_SECONDS must be a whole number from 1 to 86400."),
        ({"AUDIT_DAYS": "ninety"}, "- AUDIT_DAYS must be a whole number"),
        ({"AUDIT_DAYS": "999999999"}, "- AUDIT_DAYS must be a whole number from 0 to 36500."),
        ({"OAUTH_SERVICE_ISSUER": "https://auth.example.com", "HSTS_SECONDS": "-1"}, "- HSTS_SECONDS must be"),
        ({"STATE_DIR": "/dev/null/state"}, "- [Errno 20] Not a directory"),
        ({"DATABASE_URL": "postgresql://%%%"}, "DATABASE_URL is not a connection URI"),
        ({"DATABASE_URL": "mongodb://localhost/name"}, "DATABASE_URL is not the URL of a database"),
        ({"DATABASE_URL": "postgresql:///name", "DATABASE_POOL_SIZE": "-1"}, "DATABASE_POOL_SIZE must be"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:9/name"}, "The database cannot be reached (DATABASE_URL)"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_it_refuses_to_start_and_says_why(on_sqlite: Deployment, settings: dict[str, str], words: str) -> None:
    """Otherwise the server would fail at a user's first request."""
    assert words in refusal_to_start(on_sqlite.environment(**settings))


def test_a_password_in_the_url_is_not_told(on_sqlite: Deployment) -> None:
    """The messages of a start end up in a log."""
    for url in ("postgresql://u:hunter2%%%@h/n", "nonsense://u:hunter2@h:x/n", "postgresql://u:hunter2@127.0.0.1:9/n"):
        assert "hunter2" not in refusal_to_start(on_sqlite.environment(DATABASE_URL=url))


def test_it_refuses_a_database_without_the_migrations(on_sqlite: Deployment, tmp_path: Path) -> None:
    """The server does not migrate by itself, because several servers may start at the same moment."""
    said = refusal_to_start(replace(on_sqlite, database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}").environment())
    assert "migrations are not applied; the first is contenttypes.0001_initial. Run `python manage.py migrate`" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_it_refuses_a_port_that_is_taken(on_sqlite: Deployment, host: str) -> None:
    """The system would let two servers share the port and answer in turns."""
    with socket.create_server((host, free_port())) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} is in use" in refusal_to_start(on_sqlite.environment(SERVE_HOST=host, SERVE_PORT=port))


def test_a_start_that_is_refused_takes_nothing_from_the_server_that_runs(on_sqlite: Deployment) -> None:
    """Every start empties a folder in which the workers of a running server count."""
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = str(taken.getsockname()[1])
        counted = on_sqlite.state_dir / f"metrics-{port}" / "counter_1.db"
        counted.parent.mkdir()
        counted.touch()
        refusal_to_start(on_sqlite.environment(SERVE_PORT=port))
    assert counted.exists()


# -- in operation --------------------------------------------------------------------------------------------------------


def test_make_serve_is_this_command() -> None:
    """An operator must start the same command as the other tests."""
    recipe = (ROOT / "Makefile").read_text().partition("\nserve: ")[2].splitlines()
    assert recipe[1] == "\t$(BIN)/python -m config.serve"


@pytest.mark.parametrize(("setting", "target"), [("", serve.DIRECT), ("1", serve.DIRECT), ("0", serve.APPLICATION)])
def test_the_direct_way_is_the_default(monkeypatch: pytest.MonkeyPatch, setting: str, target: str) -> None:
    """
    The fast path's responses equal those of Django's handler (test_direct.py) and cost less CPU. SERVE_DIRECT=0 selects
    Django's handler.
    """
    served: list[str] = []

    class Server:
        def __init__(self, served_target: str, **_: object) -> None:
            served.append(served_target)

        def serve(self, **_: object) -> None:
            pass

    monkeypatch.setattr("granian.Granian", Server)
    monkeypatch.setenv("SERVE_DIRECT", setting)
    serve.serve()
    assert served == [target]


@pytest.mark.parametrize("database", ["on_sqlite", "on_postgres"])
def test_it_is_ready(request: pytest.FixtureRequest, log_path: Path, database: str) -> None:
    """The site must start on both databases."""
    deployment: Deployment = request.getfixturevalue(database)
    with serving(deployment.environment(), log_path=log_path) as served:
        assert served.http.get("/readyz").json() == {"status": "ready"}


def test_on_a_standby_it_is_not_ready(on_postgres: Deployment, log_path: Path) -> None:
    """
    A server on a standby could issue no token, so a load balancer must send requests to a server with the primary.
    """
    url = f"{on_postgres.database_url}&options=-c%20default_transaction_read_only%3Don"
    with serving(on_postgres.environment(DATABASE_URL=url), log_path=log_path) as served:
        answer = served.http.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["database"])


def workers_of(served: Served) -> list[int]:
    """Processes that answer requests."""
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    return [int(word) for word in children.read_text().split()]


def listening(served: Served) -> int:
    """Number of sockets that listen on the site's port."""
    local, state = f":{served.http.base_url.port:04X}", "0A"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(local) and row[3] == state for row in rows)


@pytest.mark.parametrize(("setting", "expected"), [("", len(os.sched_getaffinity(0))), ("3", 3)])
def test_a_worker_a_core_unless_told_otherwise(
    on_sqlite: Deployment, log_path: Path, setting: str, expected: int
) -> None:
    """A Python process uses only one core."""
    with serving(on_sqlite.environment(SERVE_WORKERS=setting), log_path=log_path) as served:
        assert len(workers_of(served)) == expected


def test_a_worker_answers_others_while_one_waits_for_the_database(
    on_postgres: Deployment, postgres_host: str, log_path: Path
) -> None:
    """Three requests wait for a lock in a worker with four threads. The fourth thread must answer."""
    environment = on_postgres.environment(SERVE_WORKERS="1", SERVE_THREADS="4")
    with (
        serving(environment, log_path=log_path) as served,
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres") as holder,
        ThreadPoolExecutor(3) as pool,
    ):
        holder.execute("LOCK TABLE oauth_service_client")
        waiting = [pool.submit(served.http.post, "/token/", data=token_request(on_postgres)) for _ in range(3)]
        assert served.http.get("/userinfo/", timeout=5).status_code == 401
        assert [request.done() for request in waiting] == [False] * 3
        holder.rollback()
        assert [request.result().json()["error"] for request in waiting] == ["unsupported_grant_type"] * 3


def test_a_worker_that_dies_is_replaced(served: Served) -> None:
    """A worker may be killed for lack of memory. The others go on, and soon there are as many as before."""
    before = workers_of(served)
    # Each worker listens on a socket of its own once it has loaded the site.
    eventually(lambda: listening(served) == len(before))
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(set(workers_of(served)) - {before[0]}) == len(before))
    assert {served.http.get("/readyz").status_code for _ in range(20)} == {200}


def test_a_workers_environment_holds_no_secret_when_it_starts_to_answer(on_sqlite: Deployment) -> None:
    """
    The environment becomes part of request.META in every view, and any code that prints it would leak the secrets.
    """
    environment = on_sqlite.environment(METRICS_SECRET="m" * 32)
    program = "import os; from config import serve; serve.load(serve.APPLICATION); print(dict(os.environ))"
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert ([name for name in SECRETS if name in printed], "SERVE_PORT" in printed) == ([], True)


def test_its_log_is_one_json_object_a_line(on_postgres: Deployment, log_path: Path) -> None:
    """Programs that collect logs parse each line, including those of Django and granian, from the first to the last."""
    with serving(on_postgres.environment(), log_path=log_path) as served:
        answer = served.http.get("/userinfo/", headers={"X-Request-ID": "of-a-stranger-12"})
        assert served.stop() == 0
    lines = [json.loads(line) for line in served.log.splitlines()]
    assert [line for line in lines if not {"time", "level", "logger", "message"} <= set(line)] == []
    [refused] = [line for line in lines if line["logger"] == "oauth_service.refused"]
    assert refused["reference"] == answer.json()["reference"] != "of-a-stranger-12"


# -- stop ----------------------------------------------------------------------------------------------------------------


def test_a_request_under_way_is_finished_before_the_end(
    on_postgres: Deployment, postgres_host: str, served: Served
) -> None:
    """A deployment during the day must not lose a response."""
    with (
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres") as holder,
        ThreadPoolExecutor(2) as pool,
    ):
        holder.execute("LOCK TABLE oauth_service_client")
        slow = pool.submit(served.http.post, "/token/", data=token_request(on_postgres))
        eventually(lambda: _is_waited_for(postgres_host))
        ended = pool.submit(served.stop)
        eventually(lambda: "Shutting down" in served.log)
        assert (slow.done(), ended.done()) == (False, False)
        holder.rollback()
        assert slow.result().json()["error"] == "unsupported_grant_type"
        assert ended.result() == 0


def test_a_request_that_does_not_end_is_not_waited_for_for_ever(
    on_postgres: Deployment, postgres_host: str, log_path: Path
) -> None:
    """An operator who stops the server needs it to stop, after SERVE_STOP_SECONDS at most."""
    with (
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres") as holder,
        serving(on_postgres.environment(SERVE_STOP_SECONDS="1"), log_path=log_path) as served,
        ThreadPoolExecutor(1) as pool,
    ):
        holder.execute("LOCK TABLE oauth_service_client")
        stuck = pool.submit(served.http.post, "/token/", data=token_request(on_postgres))
        eventually(lambda: _is_waited_for(postgres_host))
        assert served.stop() == 0
        assert isinstance(stuck.exception(), Exception)


def _is_waited_for(postgres_host: str) -> bool:
    with psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres") as watcher:
        return watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None
