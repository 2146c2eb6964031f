"""The examples, started beside the two sites: used by `make run-mcp`, `make run-api` and the journeys."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from config.processes import child_process, is_listening, starts_listening
from config.sites import ROOT, Sites, SitesError

OWN_PYTHON = ROOT / "examples" / ".venv" / "bin" / "python"
"""Interpreter with the packages of the MCP server, which no other code here needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """
    An API beside the sites, registered at the server by `seed_demo`.

    Attributes:
        option: of `seed_demo`.
        client: client_id with which it asks the server about tokens.
        urls: its URLconf.
        command: command that serves it, without the port.
    """

    title: str
    port: int
    path: str
    option: str
    client: str
    urls: str
    command: tuple[str, ...]
    next_step: str

    def url(self, port: int) -> str:
        """The API's identifier, which is its URL."""
        return f"http://127.0.0.1:{port}{self.path}"


EXAMPLES = {
    "mcp": Example(
        title="MCP server",
        port=5010,
        path="/mcp",
        option="--mcp-server",
        client="demo_mcp_server",
        urls="oauth_service.resource_server",
        command=(str(OWN_PYTHON), "-m", "uvicorn", "examples.mcp_server:application", "--host", "127.0.0.1", "--port"),
        next_step="examples/.venv/bin/python -m examples.mcp_client",
    ),
    "api": Example(
        title="API (Django REST framework)",
        port=5011,
        path="/prescriptions",
        option="--rest-api",
        client="demo_rest_api",
        urls="examples.rest_api",
        command=(sys.executable, "-m", "django", "runserver", "--noreload", "--skip-checks"),
        next_step=".venv/bin/python -m examples.api_client",
    ),
}


@contextlib.contextmanager
def serving(example: Example, sites: Sites, *, port: int, output: IO[str] | None = None) -> Iterator[str]:
    """
    Register an example at the running server, and serve it until the block ends.

    Returns:
        its URL.

    Raises:
        SitesError: the port is taken, or the example did not start.
    """
    if is_listening(port):
        raise SitesError(f"port {port} is in use: end what listens there")
    url = example.url(port)
    server = sites.environment | {"DJANGO_SETTINGS_MODULE": "config.server.settings"}
    own = sites.environment | {
        "DJANGO_SETTINGS_MODULE": "examples.settings",
        "EXAMPLE_URL": url,
        "EXAMPLE_URLS": example.urls,
        "EXAMPLE_CLIENT_ID": example.client,
        "EXAMPLE_CLIENT_SECRET": f"{example.client.upper()}_SECRET",
    }
    _manage(server, "seed_demo", example.option, url)
    _manage(own, "migrate", "--verbosity=0")
    last = f"127.0.0.1:{port}" if "runserver" in example.command else str(port)
    with child_process([*example.command, last], cwd=ROOT, env=own, output=output) as process:
        if not starts_listening(process, port):
            raise SitesError(f"the {example.title} on port {port} did not start; its log says why")
        yield url


def _manage(environment: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SitesError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
