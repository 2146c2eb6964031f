"""
The authorization server's site in production: `make serve`, or `python -m config.serve`.

All settings come from the environment (docs/deploy.md). If any are missing, the command lists them all and does not
start.
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

from config.processes import is_listening
from config.server import deadline, logs, proxies
from config.server.desk import Desk
from config.server.environment import number
from config.sites import ROOT

logger = logging.getLogger("config.serve")

APPLICATION = "config.server.wsgi:application"
DIRECT = "config.server.wsgi_direct:application"
# Granian copies the process environment into the environ of every request, where a report could print these.
SECRETS = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "OAUTH_SERVICE_TOKEN_KEY",
    "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS",
    "DATABASE_URL",
    "CACHE_URL",
    "METRICS_SECRET",
)
# Each connection has a thread that receives (config/server/desk.py), as long as there is something to receive.
CONNECTIONS = 512
RECEIVER_IDLE_SECONDS = 60


def host() -> str:
    """Address to listen on."""
    return os.environ.get("SERVE_HOST") or "127.0.0.1"


def port() -> int:
    """Port to listen on."""
    return number("SERVE_PORT", 8000, least=1, most=65_535)


def workers() -> int:
    """Number of processes."""
    return number("SERVE_WORKERS", cores(), least=1)


def threads() -> int:
    """Number of threads per process that work on requests. Other threads only wait for request bodies."""
    return number("SERVE_THREADS", 4, least=1)


def idle_seconds() -> int:
    """Seconds a connection may wait for the head of the next request."""
    return number("SERVE_IDLE_SECONDS", 10, least=1, most=3600)


def request_seconds() -> int:
    """Seconds from there to the last octet of the request and the first octet of the response."""
    return number("SERVE_REQUEST_SECONDS", 30, least=1, most=3600)


def stop_seconds() -> int:
    """Seconds that requests under way have to finish after SIGTERM."""
    return number("SERVE_STOP_SECONDS", 30, least=1)


def is_direct() -> bool:
    """True if oauth_service.wsgi answers what it can before Django's handler."""
    return bool(number("SERVE_DIRECT", 1, least=0, most=1))


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing() -> list[str]:
    """List what keeps the server from starting, each with its remedy. Collects the static files if nothing does."""
    if faults := list(_absent()) or list(_taken()):
        return faults  # without settings Django cannot start, and with the port taken another server may be using the files below
    os.environ["DEBUG"] = "0"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.server.settings"
    counters = Path(os.environ.get("STATE_DIR") or ROOT / "var") / f"metrics-{port()}"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)  # prometheus_client reads it on import

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

    # Workers are forked from this process. On an inherited connection they would read each other's results, and the
    # threads of a connection pool are not forked with it.
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # counts of an earlier run
    folder.mkdir(parents=True)


def _absent() -> Iterator[str]:
    if os.environ.get("DEBUG", "0") != "0":
        yield "DEBUG is on, but this command is for production. Unset DEBUG, or use `make run` for development."
    if not os.environ.get("SECRET_KEY"):
        yield "SECRET_KEY is not set. Set it to 50 random characters, the same for all workers and after each restart."
    if not os.environ.get("OAUTH_SERVICE_ISSUER"):
        yield "OAUTH_SERVICE_ISSUER is not set. Set it to the public https URL of this server."
    for asked in (port, workers, threads, idle_seconds, request_seconds, stop_seconds, is_direct):
        try:
            asked()
        except ImproperlyConfigured as fault:
            yield str(fault)


def _taken() -> Iterator[str]:
    # Workers share the port (SO_REUSEPORT), so a second server could start and would take half of the requests.
    if is_listening(port(), host=host()):
        yield f"Port {port()} is in use. Stop the program that listens there, or set SERVE_PORT."


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
            yield f"{len(unapplied)} migrations are not applied; the first is {unapplied[0]}. Run `python manage.py migrate`."
        elif table := absent_table(caches["default"]):
            yield f"The table {table} of CACHE_URL does not exist. Run `python manage.py createcachetable`."
    except Error as fault:
        yield f"The database cannot be reached (DATABASE_URL): {str(fault).strip()}"


def load(target: str) -> proxies.Application:
    """Return the WSGI application of a worker. Its secrets leave the environment; only the settings keep them."""
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
    # Log lines do not include thread, process or source location, so leave out the work of finding them
    # (https://docs.python.org/3/howto/logging.html#optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # Imported objects live until the end: exempt them from garbage collection.
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
    """Serve, or print what is missing and return 1 as exit status."""
    if faults := missing():
        print("The server was not started:", *(f"- {fault}" for fault in faults), sep="\n", file=sys.stderr)
        return 1
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
