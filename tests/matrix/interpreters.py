"""Python interpreters on this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from config.sites import ROOT

UV = ROOT / ".uv/bin/uv"


@cache
def find(version: str) -> Path | None:
    """Find the interpreter of a version (`3.12`): our own, or one from the PATH, pyenv or uv. None if there is none."""
    return next((path for path in _candidates(version) if _is_python(path, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    roots = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")]
    if on_path:  # in a home directory of its own, pyenv is only known by its shims
        roots.append(Path(on_path).parents[1])
    for root in roots:
        yield from sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)
    found = subprocess.run(
        [UV, "python", "find", "--no-python-downloads", "--managed-python", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode == 0:
        yield Path(found.stdout.strip())


def _is_python(path: Path, version: str) -> bool:
    # A shim of pyenv is on the PATH even if its Python is not selected. It fails then.
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return told.returncode == 0 and told.stdout.strip() == version
