"""
The authorization server's site in production: `make serve`, or `python -m config.serve`.

Settings come from the environment only (docs/deploy.md). What is missing is named, all of it at once, and nothing is started.
"""

import gc
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from config.server import deadline, logs, proxies
from config.server.desk import Desk
from config.server.environment import number
from config.sites import ROOT, is_listening

logger = logging.getLogger("config.serve")

APPLICATION = "config.server.wsgi:application"
DIRECT = "config.server.wsgi_direct:application"
# What granian would otherwise copy into the environ of every request, for anything that prints one to tell.
SECRETS = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "OAUTH_SERVICE_TOKEN_KEY",
    "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS",
    "DATABASE_URL",
    "CACHE_URL",
    "METRICS_SECRET",
)
# For each of them there is a thread that receives (config/server/desk.py), while there is something to receive.
CONNECTIONS = 512
RECEIVER_IDLE_SECONDS = 60


def host() -> str:
    """The address on which it listens."""
    return os.environ.get("SERVE_HOST") or "127.0.0.1"


def port() -> int:
    """Where it listens there."""
    return number("SERVE_PORT", 8000, least=1, most=65_535)


def workers() -> int:
    """Processes."""
    return number("SERVE_WORKERS", cores(), least=1)


def threads() -> int:
    """Threads of a process that work; others only wait for what is sent."""
    return number("SERVE_THREADS", 4, least=1)


def idle_seconds() -> int:
    """How long a connection may wait for the head of the next request."""
    return number("SERVE_IDLE_SECONDS", 10, least=1, most=3600)


def request_seconds() -> int:
    """How long a request may take then, to its last octet and the first of its answer."""
    return number("SERVE_REQUEST_SECONDS", 30, least=1, most=3600)


def stop_seconds() -> int:
    """How long requests under way may take once it is asked to stop."""
    return number("SERVE_STOP_SECONDS", 30, least=1)


def is_direct() -> bool:
    """Whether programs, and people who are asked for nothing, are answered beside Django's handler (oauth_service.wsgi)."""
    return bool(number("SERVE_DIRECT", 1, least=0, most=1))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing() -> list[str]:
    """What stands in the way of serving, each with its remedy; the static files are collected in passing."""
    if faults := list(_absent()) or list(_taken()):
        return faults  # Django cannot be asked without them, nor what is below be emptied under a server that runs
    os.environ["DEBUG"] = "0"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.server.settings"
    counters = Path(os.environ.get("STATE_DIR") or ROOT / "var") / f"metrics-{port()}"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)  # read by prometheus_client when it is imported

    import django
    from django.core.management import call_command
    from django.core.management.base import CommandError

    try:
        _empty(counters)
        django.setup()
        if unready := list(_faults()) or list(_unready()):
            return unready
        call_command("collectstatic", interactive=False, verbosity=0)
    except (ImproperlyConfigured, CommandError, OSError) as fault:
        return [str(fault)]
    finally:
        if django.apps.apps.ready:
            _close_connections()
    return []


def _close_connections() -> None:
    from django.db import connections

    # The workers are forked from here: on a connection of their parent's one would read another's answers, and the threads of
    # a pool, which replace what died, do not come along.
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier run has counted
    folder.mkdir(parents=True)


def _absent() -> Iterator[str]:
    if os.environ.get("DEBUG", "0") != "0":
        yield "DEBUG is on: this command serves the open network. Unset it, or use `make run` for development."
    if not os.environ.get("SECRET_KEY"):
        yield "SECRET_KEY is not set: 50 random characters, the same for every worker and every start."
    if not os.environ.get("OAUTH_SERVICE_ISSUER"):
        yield "OAUTH_SERVICE_ISSUER is not set: the https URL under which this server is reached."
    for asked in (port, workers, threads, idle_seconds, request_seconds, stop_seconds, is_direct):
        try:
            asked()
        except ImproperlyConfigured as fault:
            yield str(fault)


def _taken() -> Iterator[str]:
    # Workers share the port with whoever else asks for it to be shared: a second server would take half of the requests.
    if is_listening(port(), host=host()):
        yield f"Port {port()} is in use: end what listens there, or set SERVE_PORT."


def _faults() -> Iterator[str]:
    from django.core import checks

    for found in checks.run_checks(include_deployment_checks=True):
        if found.is_serious(checks.ERROR):
            yield str(found)
        elif not found.is_silenced():
            logger.warning("%s", found)


def _unready() -> Iterator[str]:
    from django.core.cache import caches
    from django.db.utils import Error

    from config.server.cache import absent_table
    from oauth_service.watch import readiness

    try:
        if unapplied := readiness.unapplied():
            yield f"{len(unapplied)} migrations are not applied, {unapplied[0]} first: run `python manage.py migrate`."
        elif table := absent_table(caches["default"]):
            yield f"The table {table} is not there (CACHE_URL): run `python manage.py createcachetable`."
    except Error as fault:
        yield f"The database cannot be reached (DATABASE_URL): {str(fault).strip()}"


def load(target: str) -> proxies.Application:
    """What a worker answers requests with; its secrets are in its settings now, and nowhere else."""
    application: proxies.Application = import_string(target.replace(":", "."))
    from django.conf import settings
    from django.urls import reverse

    alive = reverse("oauth_service:healthz")
    desk = Desk(
        application,
        threads=threads(),
        limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        at_once=(alive, alive.rstrip("/")),
    )
    for name in SECRETS:
        os.environ.pop(name, None)
    # No line of the log says which thread and process wrote it, and from where in the code: nobody needs to find out
    # (https://docs.python.org/3/howto/logging.html#optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # What was imported stays until the end: no collection needs to look at it again.
    gc.collect()
    gc.freeze()
    deadline.keep(port(), idle_seconds() + request_seconds())
    return desk


def serve() -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way, for SERVE_STOP_SECONDS at most."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    Granian(
        DIRECT if is_direct() else APPLICATION,
        address=host(),
        port=port(),
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers(),
        backpressure=CONNECTIONS,
        blocking_threads=CONNECTIONS,
        blocking_threads_idle_timeout=RECEIVER_IDLE_SECONDS,
        http1_settings=HTTP1Settings(header_read_timeout=idle_seconds() * 1000),
        respawn_failed_workers=True,
        workers_kill_timeout=stop_seconds(),
        log_dictconfig=logs.as_json(),
    ).serve(target_loader=load)


def main() -> int:
    """Serve, or say what is missing; the exit status is 1 then."""
    if faults := missing():
        print("The server is not started.", *(f"- {fault}" for fault in faults), sep="\n", file=sys.stderr)
        return 1
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
