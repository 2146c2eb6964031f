"""Both sites on ports and databases of their own, as `make run` starts them."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from config.sites import ROOT, Sites, prepare, running

# Rows that the server itself or an operator made.
KEPT = tuple(f"oauth_service_{table}" for table in ("client", "resource", "resource_clients", "document", "signingkey"))


@contextmanager
def both_sites(state_dir: Path) -> Iterator[Sites]:
    """Run both sites, freshly set up, until the block ends; their log is the file `log` in state_dir."""
    sites = Sites(server_port=free_port(), client_port=free_port(), state_dir=state_dir)
    prepare(sites)
    with (state_dir / "log").open("w") as log, running(sites, output=log):
        yield sites


def forget_everybody(sites: Sites) -> None:
    """Delete all connections: rows that users made are deleted; accounts and KEPT stay."""
    for site, kept in (("server", KEPT), ("client", ())):
        with closing(sqlite3.connect(sites.state_dir / f"{site}.sqlite3", timeout=20)) as database, database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in rows:
                if table.startswith(("oauth_service_", "prescription_manager_app_")) and table not in kept:
                    database.execute(f'DELETE FROM "{table}"')  # noqa: S608 -- a name from the database itself


def expire_access_tokens(sites: Sites) -> None:
    """Expire every access token that the client application holds, as after an hour."""
    _let_tokens_end(sites, "2000-01-01 00:00:00")


def forget_how_long_tokens_last(sites: Sites) -> None:
    """Forget the lifetime of the client application's access tokens, as if the server had not sent it."""
    _let_tokens_end(sites, None)


def manage(sites: Sites, *command: str) -> str:
    """Run a management command of the server's site; return its output."""
    environment = sites.environment | {"DJANGO_SETTINGS_MODULE": "config.server.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _let_tokens_end(sites: Sites, expires_at: str | None) -> None:
    with closing(sqlite3.connect(sites.state_dir / "client.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE prescription_manager_app_connection SET expires_at = ?", [expires_at])


def free_port() -> int:
    """Find a free port on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
