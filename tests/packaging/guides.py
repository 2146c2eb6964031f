"""The how-to guides of docs/, followed in a project: their code blocks are written to the files that they name."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from config.sites import ROOT
from tests.packaging.fresh_project import BLOCK, FreshProject, environment

# A block's first line names its file: # mysite/urls.py, {# mysite/templates/… #}, /* mysite/static/… */
NAMED = re.compile(r"^(?:# (\S+\.py)|\{# (\S+\.html) #\}|/\* (\S+\.css) \*/)\n")


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and code of each block of a page, in order."""
    return BLOCK.findall((ROOT / "docs" / page).read_text())


def files(page: str) -> Iterator[tuple[str, str]]:
    """Files that blocks name, and the text that each block adds."""
    for _language, code in blocks(page):
        if named := NAMED.match(code):
            yield next(filter(None, named.groups())), code[named.end() :]


def commands(page: str) -> list[str]:
    """Command lines that the page tells its readers to run."""
    return [line for language, code in blocks(page) if language == "sh" for line in code.splitlines()]


class Project:
    """A new project with the tutorial's additions; the package is that of this tree."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "oauth_service").symlink_to(ROOT / "oauth_service")
        self.run("-m", "django", "startproject", "mysite", ".")
        self.write("tutorial.md")

    def write(self, page: str) -> None:
        """Add each block of a page to its file."""
        for name, code in files(page):
            file = self.directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as source:
                source.write(code)

    def serving(self) -> AbstractContextManager[str]:
        """Serve the project during the block; yield its URL."""
        return FreshProject(directory=self.directory, python=Path(sys.executable), said={}).serving()

    def run(self, *arguments: str) -> str:
        """Run Python in the project; return its output. A failure is shown."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout

    def tell(self, code: str) -> str:
        """Output of statements that run in the project; `browser` is Django's test client."""
        lines = [
            "import os, django",
            "os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'",
            "django.setup()",
            "from django.conf import settings",
            "from django.contrib import admin",
            "from django.contrib.auth import get_user_model",
            "from django.test import Client",
            "settings.ALLOWED_HOSTS += ['testserver']",
            "browser = Client()",
            code,
        ]
        return self.run("-c", "\n".join(lines)).strip()
