"""A project from `django-admin startproject` with the additions of README.md, in a virtual environment of its own."""

import atexit
import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from urllib.parse import urljoin

import httpx
from packaging.requirements import Requirement

from config.sites import ROOT
from simulation.forms import forms_of

UV = ROOT / ".uv/bin/uv"
START_SECONDS = 120  # on a busy machine; a server that stops is noticed at once
PASSWORD = "wonderland"
PROTECTED = "api/prescriptions/"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """Code blocks that README.md tells its readers to add or run."""
    return [code for written_in, code in BLOCK.findall((ROOT / "README.md").read_text()) if written_in == language]


def lines_for(file: str) -> str:
    """Lines that readers add to one file: those under its name."""
    [code] = [code for block in blocks("python") for name, code in named_parts(block) if name == file]
    return code


def named_parts(block: str) -> Iterator[tuple[str, str]]:
    """A code block, split at the comments that name a file."""
    _before, *parts = re.split(r"^# (\w+\.py)\n", block, flags=re.MULTILINE)
    yield from zip(parts[::2], parts[1::2], strict=True)


def commands() -> list[list[str]]:
    """Commands that readers type, word by word, without the leading `python`."""
    return [shlex.split(line)[1:] for block in blocks("sh") for line in block.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshProject:
    """
    The project's directory, its interpreter, which has only the wheel and its dependencies, and the output of commands.
    """

    directory: Path
    python: Path
    said: dict[str, str]

    def run(self, *arguments: str) -> str:
        """Run the interpreter in the project; return its output. A failure is shown."""
        return run(self.python, *arguments, cwd=self.directory)

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the project during the block; yield its URL."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        command = [str(self.python), "manage.py", "runserver", "--noreload", f"localhost:{port}"]
        with (
            (self.directory / "log").open("w") as log,
            subprocess.Popen(command, cwd=self.directory, env=environment(), stdout=log, stderr=log) as server,
        ):
            try:
                _wait_for(port, server)
                yield f"http://localhost:{port}"
            finally:
                server.terminate()


def follow_the_readme(wheel: Path, directory: Path) -> FreshProject:
    """Install the wheel, start a project, and follow README.md in order."""
    python = new_environment(wheel, directory / "venv")
    run(python, "-m", "django", "startproject", "mysite", directory)
    for file in ("settings.py", "urls.py", "views.py"):
        with (directory / "mysite" / file).open("a") as source:
            source.write(lines_for(file))
    with (directory / "mysite/urls.py").open("a") as source:
        source.write("from mysite import views\n")
        source.write(f'urlpatterns += [path("{PROTECTED}", views.prescriptions)]\n')
    said = {arguments[1]: run(python, *arguments, cwd=directory) for arguments in commands()}
    return FreshProject(directory=directory, python=python, said=said)


def new_environment(wheel: Path, directory: Path) -> Path:
    """
    Create a virtual environment with the wheel and its dependencies only. It uses no network: dependencies are linked
    from the environment that runs the tests.

    Returns:
        its interpreter.
    """
    run(UV, "venv", "--quiet", "--offline", "--python", sys.executable, directory)
    python = directory / "bin/python"
    run(UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel)
    [packages] = directory.glob("lib/python*/site-packages")
    [installed] = distributions(name="django-oauth-service", path=[str(packages)])
    for needed in needs(installed):
        for top in {file.parts[0] for file in needed.files or () if file.parts[0] != ".."}:
            (packages / top).symlink_to(Path(str(needed.locate_file(top))))
    return python


def needs(package: Distribution) -> list[Distribution]:
    """Dependencies of a package without its extras, and their dependencies, each once."""
    wanted, found = [package], dict[str, Distribution]()
    while wanted:
        for requirement in map(Requirement, wanted.pop().requires or ()):
            is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if is_needed and requirement.name not in found:
                found[requirement.name] = have = distribution(requirement.name)
                assert requirement.specifier.contains(have.version), f"{requirement}, but {have.version} is installed"
                wanted.append(have)
    return list(found.values())


@cache
def home() -> str:
    """An empty home directory: no configuration or cache of the person who runs the tests."""
    directory = tempfile.mkdtemp(prefix="oauth-service-home-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def environment() -> dict[str, str]:
    """
    The caller's environment with an empty home directory, and without the variables that would let in this repository's
    own code and settings.
    """
    ours = {"DJANGO_SETTINGS_MODULE", "PYTHONPATH", "STATE_DIR", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("XDG_")}
    return kept | {
        "HOME": home(),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command outside this repository; return its output. A failure is shown."""
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def submit(browser: httpx.Client, page: httpx.Response, label: str, **filled: str) -> httpx.Response:
    """Fill in the form that has a button with this label, and click it."""
    form, button = next((form, button) for form in forms_of(page.text) if (button := form.button(label)))
    url = urljoin(str(page.url), form.action)
    if form.method == "get":
        return browser.get(url, params=dict([*form.kept, *button.fields]) | filled)
    return browser.post(url, data=dict([*form.kept, *button.fields]) | filled, headers={"Referer": str(page.url)})


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the fresh project did not start; its log says why")
