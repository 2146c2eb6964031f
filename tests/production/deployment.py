"""A deployment on this machine: a database of its own, and the site served as by `make serve`."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

import httpx

from config.sites import ROOT

START_SECONDS = 60
STOP_SECONDS = 40
REDIRECT_URI = "http://127.0.0.1:5000/callback"
SECRET_KEY = "9hT0q-kJ3vZx7LmWc2Yb8RfNs4Ga6Du1Pe5Ti_production-test-only"
TOKEN_KEY = "Zk1-token-key-of-the-production-tests-4fXq8"
PASSWORD = "wonderland-41-teapots"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A database with Alice, who may also use the admin, and presc_man_123; state_dir is the server's."""

    state_dir: Path
    database_url: str
    client_secret: str

    def environment(self, **settings: str) -> dict[str, str]:
        """Environment as an operator would set it, without this test run's own variables; "" unsets one."""
        port = free_port()
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPYCACHEPREFIX")
        inherited = {name: os.environ[name] for name in kept if name in os.environ}
        stated = {
            "DEBUG": "0",
            "SECRET_KEY": SECRET_KEY,
            "OAUTH_SERVICE_TOKEN_KEY": TOKEN_KEY,
            "OAUTH_SERVICE_ISSUER": f"http://127.0.0.1:{port}",
            "SERVE_PORT": str(port),
            "SERVE_WORKERS": "2",
            "STATE_DIR": str(self.state_dir),
            "DATABASE_URL": self.database_url,
        }
        return inherited | {name: value for name, value in (stated | settings).items() if value}


@dataclass(kw_only=True)
class Served:
    """A site that is being served. `http` speaks to it directly, without a proxy."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    log_path: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['SERVE_PORT']}"

    @property
    def log(self) -> str:
        """All that the site has written so far."""
        return self.log_path.read_text()

    def stop(self) -> int:
        """Ask the site to stop; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def serving(environment: dict[str, str], *, log_path: Path) -> Iterator[Served]:
    """Serve until the block ends, with the command behind `make serve`."""
    with log_path.open("ab") as log:
        process = start(environment, output=log)
        served = Served(process=process, environment=environment, log_path=log_path)
        try:
            eventually(lambda: process.poll() is not None or _is_alive(served), seconds=START_SECONDS)
            assert process.poll() is None, served.log
            yield served
        finally:
            served.http.close()
            if process.poll() is None:
                process.terminate()
            with contextlib.suppress(ProcessLookupError):
                try:
                    process.wait(STOP_SECONDS)
                finally:
                    os.killpg(process.pid, signal.SIGKILL)  # any workers that are left


def start(environment: dict[str, str], *, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "config.serve"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def refusal_to_start(environment: dict[str, str]) -> str:
    """Output of the command when it must not start."""
    process = start(environment, output=subprocess.PIPE)
    try:
        said, _ = process.communicate(timeout=START_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 1, said.decode()
    return said.decode()


def manage(environment: dict[str, str], *command: str) -> str:
    """Run manage.py in an environment; return its output."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def furnish(state_dir: Path, database_url: str) -> Deployment:
    """Migrate a new database, and create Alice and presc_man_123."""
    bare = Deployment(state_dir=state_dir, database_url=database_url, client_secret="")
    environment = bare.environment(DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    manage(environment, "migrate", "--verbosity=0")
    manage(environment, "createsuperuser", "--noinput", "--username=alice", "--email=alice@example.com")
    named = "User.objects.filter(username='alice').update(first_name='Alice', last_name='Liddell')"
    manage(environment, "shell", "--no-imports", "-c", f"from django.contrib.auth.models import User; {named}")
    options = ["--client-id=presc_man_123", "--name=Prescription Manager", f"--redirect-uri={REDIRECT_URI}"]
    said = manage(environment, "create_client", *options, "--without-pkce")
    secret = said.partition("client_secret")[2].split()[0]
    return Deployment(state_dir=state_dir, database_url=database_url, client_secret=secret)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(happened: Callable[[], T], *, seconds: float = 60) -> T:
    """Call a function until its result is true, for this many seconds at most; return the result."""
    deadline = time.monotonic() + seconds
    while not (answer := happened()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer, f"it did not happen within {seconds} seconds"
    return answer


def _is_alive(served: Served) -> bool:
    try:
        return served.http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
