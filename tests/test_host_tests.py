"""The tests of a host project: none of our data survives a test, and nothing is written into the real database."""

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.utils import timezone
from pytest_django import Settings

import oauth_service
from config.sites import ROOT
from oauth_service import background, conf, testing
from oauth_service.authorization import device as authorization
from oauth_service.clients import logo
from oauth_service.models import AuditEvent, Client
from oauth_service.outbound import deliveries
from oauth_service.protocol.device_code import GRANT_TYPE as DEVICE_CODE
from oauth_service.watch import audit
from tests.database import connection
from tests.guide import SECRET, Guide
from tests.test_audit import Committed
from tests.test_signals import play

RUNNERS = {
    "django": ["-m", "django", "test", "tests.host.flow", "--noinput"],
    "django in parallel": ["-m", "django", "test", "tests.host.flow", "--noinput", "--parallel=2"],
    "pytest": ["-m", "pytest", "-q", "tests/host/flow.py", "--noconftest", "-p", "no:xdist", "-p", "no:cacheprovider"],
}


class Host:
    """A host project with a real database that has the tables of all apps, and the output of its commands."""

    def __init__(self, database: dict[str, Any]) -> None:
        self.database = database
        self.run("-m", "django", "migrate", "--verbosity=0")

    def run(self, *arguments: str) -> str:
        """Run Python with the host's settings, and return the output. A failure is shown."""
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.host.settings",
            "HOST_DATABASE": json.dumps(self.database),
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def events(self) -> int:
        """Return the number of events in the real database."""
        program = (
            "import django; django.setup(); from oauth_service.models import AuditEvent as A; print(A.objects.count())"
        )
        return int(self.run("-c", program).split()[-1])


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with the same kind of database as these tests, and persistent connections to it."""
    if connection.vendor == "sqlite":
        name = str(tmp_path_factory.mktemp("host") / "real.sqlite3")
        yield Host({"ENGINE": "django.db.backends.sqlite3", "NAME": name, "CONN_MAX_AGE": None})
        return
    settings = connection.settings_dict
    name = f"host_{os.getpid()}"
    server = {"host": settings["HOST"], "user": settings["USER"]}
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield Host(
                {"ENGINE": settings["ENGINE"], "NAME": name, "CONN_MAX_AGE": None}
                | {key: settings[key] for key in ("HOST", "USER")}
            )
            left = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"test_{name}%"]).fetchall()
            assert left == []
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_tests_of_a_host_leave_nothing_behind(host: Host, runner: str) -> None:
    """
    The real database, to which the settings point again at the end, stays empty, and the test database can be dropped.
    """
    host.run(*RUNNERS[runner])
    assert host.events() == 0


THREADS = {
    "documents": lambda: logo.fetch_soon("https://app.example/logo.png"),
    "deliveries": deliveries.wake,
}


@pytest.mark.parametrize("start", THREADS.values(), ids=THREADS)
def test_a_test_run_starts_no_thread(monkeypatch: pytest.MonkeyPatch, start: Callable[[], None]) -> None:
    """A thread would write into the database of another test, or ask strangers on the network."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(background, "start", refuse)
    start()


def test_every_thread_is_one_that_a_test_run_does_not_start() -> None:
    """A developer who starts another thread must add it to the list above. Threads are started in one place."""
    sources = {path: path.read_text() for path in Path(oauth_service.__file__).parent.rglob("*.py")}
    started = {name for source in sources.values() for name in re.findall(r'background\.start\(.*name="(\w+)"', source)}
    assert [path.name for path, source in sources.items() if re.search(r"\bThread\(", source)] == ["background.py"]
    assert started == {*THREADS, "audit"}  # the trail writes at once: see the tests of the host above


# -- data in memory -----------------------------------------------------------------------------------------------------

# Data without users or clients: settings that were read, and statements that were compiled.
KEPT = {"oauth_service.conf._in_force", "_compiled", "_with_user"}


def modules() -> Iterator[ModuleType]:
    """Return every module of the server that can be imported without an extra."""
    for found in pkgutil.walk_packages(oauth_service.__path__, "oauth_service."):
        if ".migrations" not in found.name:
            yield importlib.import_module(found.name)


def remembered() -> dict[str, int]:
    """Return the size of each object that a module of the server keeps for the life of the process."""
    found = {f"{module.__name__}.{name}": value for module in list(modules()) for name, value in vars(module).items()}
    return {name: size(value) for name, value in found.items() if "__" not in name and name not in KEPT}


def size(value: object, depth: int = 4) -> int:
    """Count the contents of a container, including containers in our own objects and caches in memory."""
    if not depth:
        return 0
    if isinstance(value, dict):
        return len(value) + sum(size(each, depth - 1) for each in list(value.values()))
    if isinstance(value, (list, set, deque)):
        return len(value)
    is_ours = isinstance(value, LocMemCache) or type(value).__module__.startswith(("oauth_service.", "limits."))
    if not is_ours or isinstance(value, (type, Enum)):
        return 0
    return sum(size(each, depth - 1) for name, each in getattr(value, "__dict__", {}).items() if name not in KEPT)


# Cached functions. Their results depend on their arguments or the settings alone.
CACHED = {
    "oauth_service.compiled.driver",
    "oauth_service.compiled.prepared",
    "oauth_service.database",
    "oauth_service.documentation",
    "oauth_service.models.audit_event",
    "oauth_service.models.user",
    "oauth_service.protocol.forwarded",
    "oauth_service.resources.caching",
    "oauth_service.resources.requirement",
    "oauth_service.tokens.jwk_set",
}


def test_no_function_remembers_what_the_next_test_may_not_know() -> None:
    """testing.forget_everything() does not reach the caches of functools, so each new one is reviewed first."""
    found = {
        each.__module__ for module in modules() for each in vars(module).values() if hasattr(each, "cache_parameters")
    }
    assert {name for name in found if name.startswith("oauth_service.")} == CACHED


def test_nothing_that_is_remembered_outlives_a_test(guide: Guide, committed: Committed, settings: Settings) -> None:
    """testing.forget_everything() covers everything that modules remember about users and clients."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    guide.client.grant_types += f" client_credentials {DEVICE_CODE}"
    guide.client.save()
    testing.forget_everything()
    before = remembered()
    with committed():
        play(guide)
        own_token(guide)
        authorization.find("BBBB-BBBB", user_id=guide.alice.pk, now=timezone.now())
        for _attempt in range(5):
            guide.exchange("SPL__x", client_secret="wrong")
            guide.exchange("SPL__x", client_id="nobody")
            guide.browser.post("/login/", {"username": "alice", "password": "wrong"})
    grown = {name for name, much in remembered().items() if much > before[name]}
    testing.forget_everything()
    assert (remembered(), len(grown) > 4) == (before, True), grown
    assert {"oauth_service.watch.audit._own_tokens", "oauth_service.guard.failure_counts._in_memory"} <= grown


def own_token(guide: Guide) -> int:
    """Get a token for the app itself, and return the status."""
    form = {"grant_type": "client_credentials", "client_id": guide.client.client_id, "client_secret": SECRET}
    return int(guide.server.post("/token/", form, content_type="application/json").status_code)


def test_a_clients_own_token_is_told_in_each_test(guide: Guide, committed: Committed) -> None:
    """The event is recorded once a day. A test that looks for its row must not depend on the order of tests."""
    Client.objects.update(grant_types="client_credentials")
    for _test in range(2):
        with committed():
            assert [own_token(guide) for _ in range(2)] == [200, 200]
        audit.flush()
        assert AuditEvent.objects.filter(event="token_issued").count() == 1
        AuditEvent.objects.all().delete()
        testing.forget_everything()


def test_what_one_test_was_refused_for_is_not_counted_in_the_next(guide: Guide) -> None:
    """Otherwise a project whose tests mistype passwords would be locked out by its own tests."""
    for _attempt in range(conf.FAILURE_LIMIT() + 1):
        guide.exchange("SPL__x", client_secret="wrong")
    assert guide.exchange("SPL__x", client_secret="wrong").status_code == 429
    testing.forget_everything()
    assert guide.exchange("SPL__x", client_secret="wrong").status_code == 401
