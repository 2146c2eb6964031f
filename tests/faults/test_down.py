"""The database is down, restarts, refuses writes or connections: 503 in the meantime, and no repair afterwards."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import httpx
import pytest

from tests.faults.node import NAME, Node
from tests.production.deployment import REDIRECT_URI, Deployment, Served, eventually, serving
from tests.production.test_serve import workers_of
from tests.production.visit import Visit

pytestmark = pytest.mark.fault

logger = logging.getLogger(__name__)  # logs the measured times; `make faults` shows them

OUTAGE_SECONDS = 8  # a client that reconnects after 1, 2, 4, 8 … seconds notices its end seven seconds late
RECOVERY_SECONDS = 6

AUTHORISE = {
    "response_type": "code",
    "client_id": "presc_man_123",
    "redirect_uri": REDIRECT_URI,
    "scope": "user profile",
    "state": "xyzABC123",
}
Call = Callable[[], httpx.Response]


@pytest.fixture(scope="module")
def served(deployment: Deployment, way: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests of this module, which none of them may harm."""
    with serving(deployment.environment(**way), log_path=tmp_path_factory.mktemp("served") / "log") as served:
        workers = workers_of(served)
        yield served
        assert workers_of(served) == workers


@pytest.fixture
def visit(served: Served, deployment: Deployment) -> Iterator[Visit]:
    """Alice is signed in."""
    with Visit(base_url=served.url, client_secret=deployment.client_secret) as visit:
        visit.sign_in()
        yield visit


def for_programs(visit: Visit, tokens: dict[str, str]) -> dict[str, Call]:
    """Requests of programs."""
    return {
        "exchange": partial(visit.exchange, "AC_unknown"),
        "refresh": partial(visit.refresh, tokens["refresh_token"]),
        "userinfo": partial(visit.userinfo, tokens["access_token"]),
        "revoke": partial(visit.revoke, tokens["refresh_token"]),
    }


def for_people(visit: Visit) -> dict[str, Call]:
    """Requests of users."""
    return {
        "authorise": lambda: visit.browser.get("/authorise/", params=AUTHORISE),
        "manage apps": lambda: visit.browser.get("/manage-apps/"),
        "login": lambda: visit.browser.get("/login/"),
        "admin": lambda: visit.browser.get("/admin/"),
    }


@contextmanager
def setting(node: Node, on: str, off: str) -> Iterator[None]:
    """Change a setting of the database during a block."""
    node.sql(on)
    node.sql("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        node.sql(off)
        node.sql("SELECT pg_reload_conf()")


@contextmanager
def down(node: Node) -> Iterator[None]:
    """Stop the database during a block, as a crash would."""
    node.stop("immediate")
    try:
        yield
    finally:
        node.start()


def cut_off(node: Node) -> None:
    """End every connection of the server, and wait until they have ended."""
    ended = node.sql("SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE usename = %s", 60_000, NAME)
    assert set(ended) <= {(True,)}


def problems(answers: dict[str, httpx.Response]) -> dict[str, str]:
    """Responses that are not a correct 503."""

    def is_good(answer: httpx.Response) -> bool:
        if (answer.status_code, answer.headers.get("retry-after")) != (503, "2"):
            return False
        if answer.headers["content-type"] == "application/json":
            return bool(answer.json()["error"] == "temporarily_unavailable" and answer.json()["reference"])
        return "We cannot answer at the moment" in answer.text

    return {
        name: f"{answer.status_code} {answer.text[:500]}" for name, answer in answers.items() if not is_good(answer)
    }


def test_while_it_is_down_everybody_is_told_to_come_back(node: Node, served: Served, visit: Visit) -> None:
    """
    Clients and users must learn quickly, on new and on old connections, that they should try again. The process is
    alive but not ready.
    """
    tokens = visit.exchange(visit.code()).json()
    calls = for_programs(visit, tokens) | for_people(visit)
    with down(node):
        gone = time.monotonic()
        took = []
        while time.monotonic() - gone < OUTAGE_SECONDS:
            for name, call in calls.items():
                asked = time.monotonic()
                assert problems({name: call()}) == {}
                took.append(time.monotonic() - asked)
        usual, slowest = median(took), max(took)
        assert usual < 3  # the median, because a busy machine may delay one of them
        assert [served.http.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]
    returned = time.monotonic()
    eventually(lambda: visit.userinfo(tokens["access_token"]).status_code == 200, seconds=RECOVERY_SECONDS)
    recovered = time.monotonic() - returned
    told = f"told so within {usual:.3f} s, {slowest:.3f} s at most"
    logger.warning("%s", f"{told}, recovered {recovered:.3f} s after the database's return")
    assert served.http.get("/readyz").status_code == 200
    assert visit.refresh(tokens["refresh_token"]).status_code == 200


def test_a_restart_while_nobody_asks_costs_nobody_an_error(
    node: Node, deployment: Deployment, way: dict[str, str], log_path: Path
) -> None:
    """The restart kills all connections. The next request of a client or user must not notice."""
    with (
        serving(deployment.environment(SERVE_WORKERS="1", **way), log_path=log_path) as served,
        Visit(base_url=served.url, client_secret=deployment.client_secret) as visit,
        ThreadPoolExecutor(8) as pool,
    ):
        visit.sign_in()
        tokens = visit.exchange(visit.code()).json()
        calls = [partial(visit.userinfo, tokens["access_token"]), *for_people(visit).values()]
        for _ in range(2):
            before = [answer.status_code for answer in pool.map(lambda call: call(), calls * 6)]
            node.stop()
            node.start()
            after = [answer.status_code for answer in pool.map(lambda call: call(), calls * 6)]
            assert after == before == [200, 302, 200, 302, 200] * 6
        node.stop()
        node.start()
        with Visit(base_url=served.url, client_secret=deployment.client_secret) as newcomer:
            # Without a session Django's ORM queries first, and it does not repeat a failed statement.
            assert newcomer.sign_in().status_code == 302


def test_a_database_that_takes_no_writes_is_as_good_as_none(node: Node, served: Served, visit: Visit) -> None:
    """A standby, or a primary before a planned switch, answers reads only. The server must keep no connection to it."""
    tokens = visit.exchange(visit.code()).json()
    writes = {name: call for name, call in for_programs(visit, tokens).items() if name in ("refresh", "revoke")}
    writes["authorise"] = lambda: visit.browser.get("/authorise/", params=AUTHORISE)
    connections = "SELECT pid FROM pg_stat_activity WHERE usename = %s"
    before = node.sql(connections, NAME)
    read_only = "ALTER SYSTEM SET default_transaction_read_only"
    with setting(node, f"{read_only} = on", f"{read_only} = off"):
        eventually(lambda: node.sql("SHOW default_transaction_read_only") == [("on",)])
        # PostgreSQL has reloaded all of its processes before it accepts another connection, as it does here.
        assert node.sql("SHOW default_transaction_read_only") == [("on",)]
        for _ in range(6):  # so that each thread of the server has its turn
            assert problems({name: call() for name, call in writes.items()}) == {}
        assert visit.userinfo(tokens["access_token"]).status_code == 200
    # The connection is closed after the response, and PostgreSQL may need a moment to see it.
    eventually(lambda: bool(set(before) - set(node.sql(connections, NAME))))
    assert visit.refresh(tokens["refresh_token"]).status_code == 200


def test_too_many_connections_is_a_503(node: Node, visit: Visit) -> None:
    """Another program may use all connections of the database for a while. The server must recover by itself."""
    tokens = visit.exchange(visit.code()).json()
    calls = for_programs(visit, tokens) | for_people(visit)
    with setting(node, f"ALTER ROLE {NAME} CONNECTION LIMIT 0", f"ALTER ROLE {NAME} CONNECTION LIMIT -1"):
        cut_off(node)
        assert problems({name: call() for name, call in calls.items()}) == {}
    assert visit.refresh(tokens["refresh_token"]).status_code == 200


def test_a_pool_that_may_not_grow_serves_everybody_with_what_it_has(
    node: Node, deployment: Deployment, log_path: Path
) -> None:
    """The server refuses waiting threads only if it has no connection at all."""
    settings = deployment.environment(SERVE_WORKERS="1", DATABASE_POOL_SIZE="3")
    with serving(settings, log_path=log_path) as served, ThreadPoolExecutor(4) as pool:
        assert served.http.get("/readyz").status_code == 200
        statuses = set[int]()

        def wanted_more() -> bool:
            statuses.update(pool.map(lambda _: served.http.get("/readyz").status_code, range(100)))
            return "too many connections for role" in served.log

        with setting(node, f"ALTER ROLE {NAME} CONNECTION LIMIT 0", f"ALTER ROLE {NAME} CONNECTION LIMIT -1"):
            eventually(wanted_more)
    assert statuses == {200}


@pytest.mark.parametrize("what", ["exchange", "refresh", "revoke", "revoke one"])
def test_a_statement_that_is_cut_off_has_done_nothing(node: Node, visit: Visit, what: str) -> None:
    """The client gets a 503, and the same request succeeds when it is sent again."""
    code = visit.code()
    tokens = visit.exchange(visit.code()).json()
    call: Call = {
        "exchange": partial(visit.exchange, code),
        "refresh": partial(visit.refresh, tokens["refresh_token"]),
        "revoke": partial(visit.revoke, tokens["refresh_token"]),
        "revoke one": partial(visit.revoke, tokens["access_token"]),
    }[what]
    waiting = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'"
    with node.connect() as holder, ThreadPoolExecutor(1) as pool, holder.transaction():
        holder.execute("LOCK TABLE oauth_service_grant, oauth_service_revokedtoken IN EXCLUSIVE MODE")
        answer = pool.submit(call)
        [(pid,)] = eventually(lambda: node.sql(waiting, NAME))
        node.sql("SELECT pg_terminate_backend(%s)", pid)
        assert problems({what: answer.result()}) == {}
    assert visit.userinfo(tokens["access_token"]).status_code == 200
    assert call().status_code == 200
    ended = {"exchange": 200, "refresh": 200, "revoke": 401, "revoke one": 401}
    assert visit.userinfo(tokens["access_token"]).status_code == ended[what]
