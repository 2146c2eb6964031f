"""Both sites of this repository, started together: for `make run`, `make simulate` and the journeys."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from config.processes import child_process, is_listening, starts_listening

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Ports of the two sites; state_dir holds both SQLite databases."""

    server_port: int = 8000
    client_port: int = 5000
    state_dir: Path = ROOT / "var"

    @classmethod
    def chosen(cls) -> "Sites":
        """
        Return the sites at the ports in the environment: SERVER_PORT and CLIENT_PORT.

        Other ports than the usual ones have databases of their own, because the demo registers the client with its port.

        Raises:
            SitesError: a port is not a number from 1 to 65535.
        """
        usual = cls()
        server_port = _port("SERVER_PORT", usual.server_port)
        client_port = _port("CLIENT_PORT", usual.client_port)
        if (server_port, client_port) == (usual.server_port, usual.client_port):
            return usual
        folder = usual.state_dir / f"ports-{server_port}-{client_port}"
        return cls(server_port=server_port, client_port=client_port, state_dir=folder)

    @property
    def server_url(self) -> str:
        return f"http://localhost:{self.server_port}"

    @property
    def client_url(self) -> str:
        return f"http://127.0.0.1:{self.client_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of both sites: the caller's own, with the settings by which the sites find each other."""
        inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        return inherited | {
            "STATE_DIR": str(self.state_dir),
            "OAUTH_SERVICE_ISSUER": self.server_url,
            "OAUTH_SERVER_URL": self.server_url,
            "OAUTH_REDIRECT_URI": f"{self.client_url}/callback",
            "PYTHONUNBUFFERED": "1",
        }


class SitesError(Exception):
    """The sites could not be prepared or did not start; the message says which and why."""


def _port(name: str, usual: int) -> int:
    text = os.environ.get(name, "") or str(usual)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535):
        raise SitesError(f"{name} is {text!r}: it must be a number from 1 to 65535.")
    return int(text)


def prepare(sites: Sites) -> None:
    """
    Migrate both databases, and create the demo's users and clients if they are missing.

    Raises:
        SitesError: a command failed; its output is in the message.
    """
    for site, command in [
        ("server", ["migrate", "--verbosity=0"]),
        ("server", ["seed_demo"]),
        ("client", ["migrate", "--verbosity=0"]),
    ]:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=sites.environment | {"DJANGO_SETTINGS_MODULE": f"config.{site}.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SitesError(f"manage.py {' '.join(command)} of the {site} site failed:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def running(sites: Sites, *, output: IO[str] | None = None, reload: bool = False) -> Iterator[None]:
    """
    Run both sites until the block ends; every process started here is ended here.

    Args:
        sites: ports and state directory; see prepare().
        output: log of both sites; by default the caller's own standard output.
        reload: restart a site when its code changes.

    Raises:
        SitesError: a port is taken, or a site ended or did not answer within START_SECONDS.
    """
    with contextlib.ExitStack() as children:
        processes = []
        for site, port, host in [
            ("server", sites.server_port, "localhost"),
            ("client", sites.client_port, "127.0.0.1"),
        ]:
            if is_listening(port):
                raise SitesError(
                    f"Port {port} is in use. Perhaps the {site} site is running already. If not, end the program that listens"
                    f" there, or choose another port: {site.upper()}_PORT={port + 100}"
                )
            command = [sys.executable, "manage.py", "runserver", f"{host}:{port}", "--skip-checks"]
            process = child_process(
                command if reload else [*command, "--noreload"],
                cwd=ROOT,
                env=sites.environment | {"DJANGO_SETTINGS_MODULE": f"config.{site}.settings"},
                output=output,
            )
            processes.append((children.enter_context(process), port))
        for started, port in processes:
            if not starts_listening(started, port):
                raise SitesError(f"the site on port {port} did not start; its log says why")
        yield


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """
    Run the block of a command until it ends, or until Ctrl-C or SIGTERM ends it.

    Raises:
        SystemExit: a SitesError ended the block; Python prints its message, and the exit status is 1.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends it as Ctrl-C does
    try:
        yield
    except KeyboardInterrupt:
        pass
    except SitesError as problem:
        sys.exit(str(problem))


def wait_for_interrupt() -> NoReturn:
    """Sleep until a signal ends the program."""
    while True:
        time.sleep(3600)


def main() -> None:
    """Set both sites up and run them until Ctrl-C."""
    sites = Sites.chosen()
    prepare(sites)
    with running(sites, reload=True):
        print(
            f"\n  Prescriptions (the client)    {sites.client_url}"
            f"\n  Authorization server          {sites.server_url}"
            "\n  Sign in as                    alice / wonderland"
            f"\n  Server administration         {sites.server_url}/admin/  (admin / admin)"
            "\n  Clients for your own trials   docs/demo.md, “The cast”"
            "\n\n  Ctrl-C stops both.\n",
            flush=True,
        )
        wait_for_interrupt()


if __name__ == "__main__":
    with until_interrupted():
        main()
