"""docs/tutorial.md, followed word by word in a new project with the wheel, ends with a 200 from the guarded view."""

import json
import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from config.sites import ROOT
from tests.packaging.conftest import Once
from tests.packaging.fresh_project import BLOCK, PASSWORD, FreshProject, environment, new_environment, submit

PAGE = ROOT / "docs/tutorial.md"
RUNSERVER = "python manage.py runserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Output of each command, and responses of the server."""

    printed: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


def blocks() -> list[tuple[str, str]]:
    """Blocks that the page tells its readers to write or run, in order: language and code."""
    return BLOCK.findall(PAGE.read_text())


def follow(wheel: Path, directory: Path) -> Followed:
    """Follow the page block by block, and then its last paragraph."""
    new_environment(wheel, directory / "venv")
    with ExitStack() as stack:
        reader = Reader(directory, stack)
        for language, code in blocks():
            if language == "python":
                reader.write(code)
            if language == "sh":
                for line in code.splitlines():
                    reader.run(line)
        reader.revoke_access()
    return Followed(printed=reader.printed, tokens=reader.tokens)


class Reader:
    """A reader with a terminal, an editor and a browser; the server of the page runs on any free port."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.stack = stack
        self.browser = stack.enter_context(httpx.Client(trust_env=False))
        self.python = directory / "venv/bin/python"
        self.site = "http://localhost:8000"
        self.printed: dict[str, str] = {}
        self.tokens: dict[str, str] = {}

    def write(self, code: str) -> None:
        """Add a block to the file that its first line names."""
        name, _, lines = code.partition("\n")
        with (self.directory / name.removeprefix("# ")).open("a") as file:
            file.write(lines)

    def run(self, line: str) -> None:
        """Type a line. The virtual environment exists already, with the wheel of this tree."""
        if line in ("python3 -m venv venv", ". venv/bin/activate", "pip install ./django-oauth-service"):
            return
        if line == "cd mysite":
            self.directory /= "mysite"
        elif line == RUNSERVER:
            project = FreshProject(directory=self.directory, python=self.python, said={})
            self.site = self.stack.enter_context(project.serving())
            self.get_a_token()
        else:
            self.printed[line] = self.shell(line)

    def shell(self, line: str) -> str:
        """Output of a command."""
        words = {"THE_TOKEN": self.tokens.get("access_token", ""), "http://localhost:8000": self.site}
        for word, value in words.items():
            line = line.replace(word, value)
        path = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.directory,
            env=environment() | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def get_a_token(self) -> None:
        """Open the address, sign in, allow, and paste the curl command, as the numbered steps say."""
        [said] = [text for line, text in self.printed.items() if "create_client" in line]
        [address] = re.findall(r"^http\S+$", said, re.MULTILINE)
        login = self.browser.get(address.replace("http://localhost:8000", self.site), follow_redirects=True)
        signed_in = submit(self.browser, login, "Sign in", username="alice", password=PASSWORD)
        consent = self.browser.get(urljoin(self.site, signed_in.headers["Location"]))
        allowed = submit(self.browser, consent, "Allow")
        code = parse_qs(urlsplit(allowed.headers["Location"]).query)["code"][0]
        [secret] = re.findall(r"^client_secret +(\S+)$", said, re.MULTILINE)
        command = said[said.index("curl ") :].replace("THE_CODE", code).replace("THE_SECRET", secret)
        self.tokens = json.loads(self.shell(command))

    def revoke_access(self) -> None:
        """Click “Revoke Access”, again on the page that asks, and run the first curl command again."""
        asks = submit(self.browser, self.browser.get(f"{self.site}/manage-apps/"), "Revoke Access")
        submit(self.browser, asks, "Revoke Access")
        [command] = [line for line in self.printed if "THE_TOKEN" in line]
        self.printed["again"] = self.shell(command)


@pytest.fixture(scope="module")
def followed(once: Once, wheel: Path) -> Followed:
    """The page, followed to its end."""
    return once("tutorial", lambda folder: follow(wheel, folder))


def test_the_server_answers_with_tokens(followed: Followed) -> None:
    """The members are those that the page shows, in its order."""
    shown = json.loads(next(code for language, code in blocks() if language == "json" and "refresh_token" in code))
    assert (list(followed.tokens), followed.tokens["scope"]) == (list(shown), shown["scope"])


def test_the_guarded_view_answers_200(followed: Followed) -> None:
    """The view knows the user and the app, as the page says."""
    [answer] = [text for line, text in followed.printed.items() if "THE_TOKEN" in line]
    head, _, body = answer.partition("\n\n")
    [client] = [text for line, text in followed.printed.items() if "create_client" in line]
    [client_id] = re.findall(r"^client_id +(\S+)$", client, re.MULTILINE)
    assert head.splitlines()[0].split()[1] == "200"
    assert json.loads(body) == {"hello": "alice", "asked_by": client_id}


def test_without_a_token_it_answers_401(followed: Followed) -> None:
    """The page says so."""
    [answer] = [
        text for line, text in followed.printed.items() if line.endswith("/api/hello/") and "THE_TOKEN" not in line
    ]
    assert answer.splitlines()[0].split()[1] == "401"


def test_a_connection_that_was_ended_takes_its_token_along(followed: Followed) -> None:
    """Revocation takes effect at once, as the page says."""
    assert followed.printed["again"].splitlines()[0].split()[1] == "401"
