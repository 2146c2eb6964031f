"""Both sites on ports of their own, with databases of their own, as `make run` starts them."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from config.sites import ROOT, Sites, prepare, running

# What the server itself has, or an operator gave it.
KEPT = tuple(f"oauth_service_{table}" for table in ("client", "resource", "resource_clients", "document", "signingkey"))


@contextmanager
def both_sites(state_dir: Path) -> Iterator[Sites]:
    """Run both sites, freshly set up, until the block ends; their log is the file `log` in state_dir."""
    sites = Sites(server_port=free_port(), client_port=free_port(), state_dir=state_dir)
    prepare(sites)
    with (state_dir / "log").open("w") as log, running(sites, output=log):
        yield sites


def forget_everybody(sites: Sites) -> None:
    """Let nobody have connected anything yet: the rows go that people made; accounts and KEPT stay."""
    for site, kept in (("server", KEPT), ("client", ())):
        with closing(sqlite3.connect(sites.state_dir / f"{site}.sqlite3", timeout=20)) as database, database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in rows:
                if table.startswith(("oauth_service_", "prescription_manager_app_")) and table not in kept:
                    database.execute(f'DELETE FROM "{table}"')  # noqa: S608 -- a name from the database itself


def expire_access_tokens(sites: Sites) -> None:
    """Let an hour have passed for every access token that the client application holds."""
    _let_tokens_end(sites, "2000-01-01 00:00:00")


def forget_how_long_tokens_last(sites: Sites) -> None:
    """Let the client application not have been told when its access tokens end."""
    _let_tokens_end(sites, None)


def manage(sites: Sites, *command: str) -> str:
    """What a management command of the server's site prints."""
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
    """Find a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
