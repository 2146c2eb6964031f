"""How a served site holds its connections to PostgreSQL: every way serves the lifecycle, and none keeps a dead one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.production.deployment import Deployment, Served, eventually, serving
from tests.production.visit import Visit

pytestmark = pytest.mark.production


def statuses_of_a_visit(served: Served, deployment: Deployment) -> list[int]:
    """What the steps of the guide are answered with, from the exchange of the code to the end of the connection."""
    with Visit(base_url=served.url, client_secret=deployment.client_secret) as visit:
        visit.sign_in()
        first = visit.exchange(visit.code())
        second = visit.refresh(first.json()["refresh_token"])
        access_token = second.json()["access_token"]
        answers = [first, second, visit.userinfo(access_token), visit.revoke(access_token), visit.deauthorise()]
        return [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    "settings",
    [{}, {"DATABASE_POOL_SIZE": "2"}, {"DATABASE_PREPARE": "0"}, {"DATABASE_POOL_SIZE": "2", "DATABASE_PREPARE": "0"}],
    ids=["by default", "pool", "unprepared", "pool, unprepared"],
)
def test_the_lifecycle_with_more_visitors_than_connections(
    on_postgres: Deployment, log_path: Path, settings: dict[str, str]
) -> None:
    """What one thread left on a connection must not meet the next: four threads are kept busy during a visit."""
    with (
        serving(on_postgres.environment(SERVE_WORKERS="1", **settings), log_path=log_path) as served,
        ThreadPoolExecutor(4) as pool,
    ):
        visits = [statuses_of_a_visit(served, on_postgres)]
        answers = [pool.submit(served.http.get, "/readyz") for _ in range(40)]
        visits.append(statuses_of_a_visit(served, on_postgres))
        assert {answer.result().status_code for answer in answers} == {200}
    assert visits == [[200, 200, 200, 200, 302]] * 2


def connections_of(database: psycopg.Connection) -> int:
    """How many connections there are besides the one that asks."""
    row = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    ).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("settings", [{}, {"DATABASE_POOL_SIZE": "2"}], ids=["by default", "pool"])
def test_workers_inherit_no_connection(
    on_postgres: Deployment, postgres_host: str, log_path: Path, settings: dict[str, str]
) -> None:
    """Two processes on one connection read each other's answers: what was opened before they were forked is closed."""
    with (
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres", autocommit=True) as database,
        serving(on_postgres.environment(**settings), log_path=log_path),
    ):
        eventually(lambda: connections_of(database) == 0, seconds=5)


def test_a_thread_keeps_its_connection(on_postgres: Deployment, postgres_host: str, log_path: Path) -> None:
    """A hundred requests open no more than there are threads, and use the same ones."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY 1"
    )
    with (
        serving(on_postgres.environment(SERVE_WORKERS="1", SERVE_THREADS="2"), log_path=log_path) as served,
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres", autocommit=True) as database,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda _: served.http.get("/readyz"), range(50)))
        before = database.execute(query).fetchall()
        list(pool.map(lambda _: served.http.get("/readyz"), range(50)))
        assert database.execute(query).fetchall() == before
        assert 1 <= len(before) <= 2


def test_connections_that_died_are_replaced(on_postgres: Deployment, postgres_host: str, log_path: Path) -> None:
    """A restart of the database, a failover, a firewall that forgets: what died while nobody used it costs no answer."""
    form = {"grant_type": "none", "client_id": "presc_man_123", "client_secret": on_postgres.client_secret}
    with (
        serving(on_postgres.environment(SERVE_WORKERS="1", SERVE_THREADS="2"), log_path=log_path) as served,
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres", autocommit=True) as database,
    ):
        for _ in range(8):
            served.http.post("/token/", data=form)
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        answers = [served.http.post("/token/", data=form) for _ in range(8)]
    assert {answer.json()["error"] for answer in answers} == {"unsupported_grant_type"}
