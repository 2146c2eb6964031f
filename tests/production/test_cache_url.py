"""CACHE_URL: failures are counted for all processes together, or the server does not start."""

import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from fakeredis import TcpFakeServer
from pytest_django import Settings

from config.server.cache import REDIS_OPTIONS, absent_table, cache
from tests.concurrency.threads import together
from tests.database import ALIAS
from tests.production.deployment import Deployment, Served, manage, refusal_to_start, serving

TABLE_URL = "database://failures"


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis that listens on this machine."""
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()
    thread.join()


# -- the URL -----------------------------------------------------------------------------------------------------------


def test_without_a_url_each_process_counts_for_itself() -> None:
    """A single machine with one worker needs no shared cache."""
    assert cache("")["BACKEND"] == "django.core.cache.backends.locmem.LocMemCache"


def test_a_redis_is_asked_with_little_patience() -> None:
    """A Redis that cannot be reached must not delay a sign-in. redis-py reads the rest of the URL."""
    got = cache("rediss://:hunter2@cache.example:6380/2?health_check_interval=5")
    assert got["LOCATION"] == "rediss://:hunter2@cache.example:6380/2?health_check_interval=5"
    assert (got["BACKEND"].rpartition(".")[2], got["OPTIONS"]) == ("RedisCache", REDIS_OPTIONS)


def test_a_table_is_named() -> None:
    """The table must hold so many counts that a flood of names evicts none. Django's default is 300."""
    got = cache(TABLE_URL)
    assert (got["LOCATION"], got["OPTIONS"]["MAX_ENTRIES"] > 10_000) == ("failures", True)


NO_URLS = [
    "hunter2",
    "redis://",
    "redis://:hunter2@h:port/0",
    "redis://:hunter2@h:6379/0?socket_timeout=soon",
    "redis://:hunter2@[h/0",
    "memcached://hunter2@h",
    "database://",
    "database://Failures; hunter2",
    "database://failures/hunter2",
]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_is_refused_without_being_quoted(url: str) -> None:
    """The URL may hold a password."""
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL is not the URL of a") as refusal:
        cache(url)
    assert "hunter2" not in str(refusal.value)


def test_a_redis_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server must refuse to start, instead of failing at the first wrong password."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImproperlyConfigured, match="the package redis is not installed"):
        cache("redis://h")


# -- the table ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(transactional_db: None, settings: Settings) -> Any:
    """A cache in a table of the database."""
    settings.CACHES = {"default": cache(TABLE_URL)}
    call_command("createcachetable", database=ALIAS, verbosity=0)
    caches["default"].clear()
    return caches["default"]


def test_simultaneous_counts_are_not_lost(table: Any) -> None:
    """Django's own incr() loses counts with a table: each process reads the same number and adds one to it."""
    table.set("failures", 1)
    together(*[partial(table.incr, "failures")] * 15)
    assert table.get("failures") == 16


def test_a_count_that_ended_is_not_there_to_add_to(table: Any) -> None:
    """Django's own caches raise ValueError for an expired key, and callers rely on it."""
    with pytest.raises(ValueError, match="failures"):
        table.incr("failures")


def test_a_table_that_is_not_there_is_named(table: Any, settings: Settings) -> None:
    """Otherwise the server could count no failure, and would limit no sign-in."""
    there = absent_table(caches["default"])
    settings.CACHES = {"default": cache("database://elsewhere")}
    assert (there, absent_table(caches["default"])) == ("", "elsewhere")


# -- two servers -------------------------------------------------------------------------------------------------------


def guess(served: Served, *, times: int, client_id: str) -> list[int]:
    """Send a client's wrong secret; return the statuses."""
    form = {"token": "AT_unknown", "client_id": client_id}
    return [
        served.http.post("/oauth/revoke/", data={**form, "client_secret": f"wrong {n}"}).status_code
        for n in range(times)
    ]


def both(first: Served, second: Served, *, client_id: str = "presc_man_123") -> list[int]:
    """Guess at one server, and then at the other."""
    return [*guess(first, times=6, client_id=client_id), *guess(second, times=6, client_id=client_id)]


@pytest.mark.production
@pytest.mark.parametrize("deployment", ["on_sqlite", "on_postgres"])
def test_two_servers_count_in_one_table(deployment: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The limit is ten failures, whichever server they reach."""
    deployed: Deployment = request.getfixturevalue(deployment)
    settings = {"CACHE_URL": TABLE_URL, "SERVE_WORKERS": "1"}
    assert "The table failures of CACHE_URL does not exist. Run" in refusal_to_start(deployed.environment(**settings))
    manage(deployed.environment(**settings), "createcachetable")
    with (
        serving(deployed.environment(**settings), log_path=tmp_path / "a") as first,
        serving(deployed.environment(**settings), log_path=tmp_path / "b") as second,
    ):
        assert both(first, second) == [401] * 10 + [429] * 2


@pytest.mark.production
def test_two_servers_count_in_one_redis(on_sqlite: Deployment, redis_url: str, tmp_path: Path) -> None:
    """Servers may share no database, or may want to spare it."""
    settings = {"CACHE_URL": redis_url, "SERVE_WORKERS": "1"}
    with (
        serving(on_sqlite.environment(**settings), log_path=tmp_path / "a") as first,
        serving(on_sqlite.environment(**settings), log_path=tmp_path / "b") as second,
    ):
        assert both(first, second) == [401] * 10 + [429] * 2


@pytest.mark.production
def test_without_it_each_counts_for_itself(on_sqlite: Deployment, tmp_path: Path) -> None:
    """Otherwise the two tests above could not fail."""
    with (
        serving(on_sqlite.environment(SERVE_WORKERS="1"), log_path=tmp_path / "a") as first,
        serving(on_sqlite.environment(SERVE_WORKERS="1"), log_path=tmp_path / "b") as second,
    ):
        assert both(first, second) == [401] * 12


@pytest.mark.production
def test_a_redis_that_is_away_costs_nobody_an_answer(on_sqlite: Deployment, log_path: Path) -> None:
    """The server counts nothing until Redis is back, and its log says so."""
    settings = {"CACHE_URL": "redis://127.0.0.1:9/0", "SERVE_WORKERS": "1"}
    with serving(on_sqlite.environment(**settings), log_path=log_path) as served:
        assert guess(served, times=3, client_id="presc_man_123") == [401] * 3
        assert "failures are not counted: the cache does not answer" in served.log


@pytest.mark.production
def test_a_url_that_is_none_stops_the_start(on_sqlite: Deployment) -> None:
    """Otherwise an operator would rely on a limit that does not exist."""
    said = refusal_to_start(on_sqlite.environment(CACHE_URL="memcached://hunter2@h"))
    assert ("CACHE_URL is not the URL of a cache" in said, "hunter2" in said) == (True, False)
