"""Circumstances that figures depend on: machine, versions, commit, day."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .subjects import NODE, ROOT, Subject


def lines(subjects: list[Subject], *, postgres: str) -> list[str]:
    """Markdown list items."""
    packages = ["django", "granian", "psycopg"]
    if any(subject.name.startswith("toolkit") for subject in subjects):
        packages.append("django-oauth-toolkit")
    versions = [f"Python {platform.python_version()}", *(f"{package} {version(package)}" for package in packages)]
    if any(subject.script for subject in subjects):
        versions += [f"node {_said('node', '--version').removeprefix('v')}", *_node_packages()]
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"- {_processor()}, {os.cpu_count()} cores, {_memory()}, Linux {'.'.join(platform.release().split('.')[:2])}",
        f"- {', '.join(versions)}, PostgreSQL {postgres} (fsync, synchronous_commit and full_page_writes on)",
    ]


def commit(name: str) -> str:
    """Hash and subject of a commit."""
    return _said("git", "show", "--no-patch", "--format=%h %s", name)


def _commit() -> str:
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", "oauth_service", "config")
    return _said("git", "rev-parse", "--short", "HEAD") + (" and changes that are not committed" if changed else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> str:
    kibibytes = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{kibibytes / 2**20:.0f} GiB"


def _node_packages() -> list[str]:
    locked = json.loads((NODE / "package-lock.json").read_text())["packages"]
    return [f"{name} {locked[f'node_modules/{name}']['version']}" for name in locked[""]["dependencies"]]


def _said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
