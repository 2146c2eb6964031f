"""The files of the repository."""

import subprocess
from pathlib import Path

from config.sites import ROOT


def tracked() -> list[Path]:
    """Every file that is committed, or that `git add` would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
