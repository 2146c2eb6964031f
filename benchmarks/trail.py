"""
Cost of every page that reads the audit trail, with millions of events of one user and client, on SQLite and PostgreSQL.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import postgres
from .subjects import OURS, ROOT

BUDGET_MS = 200  # of a page, once its rows are in memory
PAGES = {
    "a person's page, “Recent activity”": "/manage-apps/",
    "admin: the list": "/admin/oauth_service/auditevent/",
    "admin: its last page": "/admin/oauth_service/auditevent/?p=20",
    "admin: one event": "/admin/oauth_service/auditevent/?event__exact=token_refreshed",
    "admin: an event that is rare": "/admin/oauth_service/auditevent/?event__exact=refresh_replayed",
    "admin: refused": "/admin/oauth_service/auditevent/?outcome__exact=refused",
    "admin: up to a moment long ago": "/admin/oauth_service/auditevent/?until={middle}",
    "admin: the user of most events": "/admin/oauth_service/auditevent/?q=busy",
    "admin: the user, one event, long ago": "/admin/oauth_service/auditevent/?q=busy&event__exact=login_refused&until={middle}",
    "admin: the client of most events": "/admin/oauth_service/auditevent/?q=busy-app",
    "admin: user and client": "/admin/oauth_service/auditevent/?q=busy+busy-app",
    "admin: a part of many names": "/admin/oauth_service/auditevent/?q=person",
    "admin: a reference": "/admin/oauth_service/auditevent/?q=reference-2000000",
    "admin: ordered by another column": "/admin/oauth_service/auditevent/?q=busy&o=7",
    "admin: one row": "/admin/oauth_service/auditevent/{pk}/change/",
    "admin: the page of a user": "/admin/auth/user/{user}/change/",
    "admin: the question before a user is deleted": "/admin/auth/user/{user}/delete/",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Results of one database: its name, bytes of the trail, and milliseconds and statements of each page."""

    title: str
    size: int
    first: Mapping[str, float]
    median: Mapping[str, float]
    fastest: Mapping[str, float]
    statements: Mapping[str, int]


def run(*, events: int) -> tuple[list[str], str]:
    """
    Fill both databases, and request each page.

    Returns:
        the parts of the page of results, and PostgreSQL's version.
    """
    with postgres.running(shared_buffers="1GB", max_wal_size="8GB") as server:
        of_postgresql = _asked("PostgreSQL", server.create("trail"), events)
        version = server.version
    with _directory() as directory:
        of_sqlite = _asked("SQLite", {"DATABASE_URL": f"sqlite:///{directory}/trail.sqlite3"}, events)
    return [_about(events, of_sqlite, of_postgresql), _table(of_sqlite, of_postgresql)], version


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _asked(title: str, database: Mapping[str, str], events: int) -> Run:
    # A separate process, which starts with these settings.
    command = [sys.executable, "-m", "benchmarks.subjects.trail_pages", str(events)]
    env = {**os.environ, **OURS.env, **database}
    print(f"{title}: {events:,} events are written, and each page is asked for", file=sys.stderr)
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, file=sys.stderr)
    return Run(title=title, **json.loads(done.stdout.splitlines()[-1]))


def _about(events: int, *runs: Run) -> str:
    sizes = ", ".join(f"{each.size / 2**20:,.0f} MiB on {each.title}" for each in runs)
    return (
        f"{events:,} events of ninety days, nine in ten of one user and one client; table and indexes are {sizes}.\n"
        "Each page is asked of Django in this process, without a server: once while little is in memory,"
        " then five times; the fastest counts, as neighbours on the machine slow the others down."
    )


def _table(*runs: Run) -> str:
    columns = " | ".join(f"{each.title}: statements · first · median · fastest, ms" for each in runs)
    lines = [
        f"| page | {columns} | at most {BUDGET_MS} ms |",
        "| --- |" + " ---: |" * len(runs) + " --- |",
    ]
    for name in PAGES:
        cells = [
            f"{each.statements[name]} · {each.first[name]:.0f} · {each.median[name]:.0f} · {each.fastest[name]:.0f}"
            for each in runs
        ]
        met = all(each.fastest[name] <= BUDGET_MS for each in runs)
        lines.append(f"| {name} | {' | '.join(cells)} | {'met' if met else '**not met**'} |")
    return "\n".join(lines)
