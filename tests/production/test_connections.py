"""PostgreSQL connections of a served site: the lifecycle works with every setting, and no dead connection is kept."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.production.deployment import Deployment, Served, eventually, serving
from tests.production.visit import Visit

pytestmark = pytest.mark.production


def statuses_of_a_visit(served: Served, deployment: Deployment) -> list[int]:
    """Statuses of the guide's steps, from the exchange of the code to the end of the connection."""
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
    """
    State that one visit leaves on a connection must not affect the next visit. Four threads are busy at the same time.
    """
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
    """Number of client connections, without this one."""
    row = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    ).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("settings", [{}, {"DATABASE_POOL_SIZE": "2"}], ids=["by default", "pool"])
def test_workers_inherit_no_connection(
    on_postgres: Deployment, postgres_host: str, log_path: Path, settings: dict[str, str]
) -> None:
    """
    Two processes on one connection would read each other's results, so the server closes its connections before the
    fork.
    """
    with (
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres", autocommit=True) as database,
        serving(on_postgres.environment(**settings), log_path=log_path),
    ):
        eventually(lambda: connections_of(database) == 0, seconds=5)


def test_a_thread_keeps_its_connection(on_postgres: Deployment, postgres_host: str, log_path: Path) -> None:
    """Connecting costs more than a request. A hundred requests open no more connections than there are threads."""
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
    """Restarts, failovers and forgetful firewalls kill idle connections, which must not fail a request."""
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
