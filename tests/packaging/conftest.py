"""Fixtures for tests of packages: built once a run, however many processes it has."""

import fcntl
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from config.sites import ROOT
from tests.packaging.fresh_project import run

T = TypeVar("T")


class Once(Protocol):
    """Type of the fixture `once`."""

    def __call__(self, name: str, make: Callable[[Path], T]) -> T: ...


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Build something in a folder of its own, unless another process of this run has built it already."""
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp().parent if is_one_of_several else tmp_path_factory.getbasetemp()

    def once(name: str, make: Callable[[Path], T]) -> T:
        made = base / f"{name}.pickle"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                folder = base / name
                folder.mkdir()
                made.write_bytes(pickle.dumps(make(folder)))
            found: T = pickle.loads(made.read_bytes())  # noqa: S301 - our own
        return found

    return once


@pytest.fixture(scope="session")
def wheel(once: Once) -> Path:
    """The wheel, built as for a release."""

    def build(folder: Path) -> Path:
        run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
        [wheel] = folder.glob("*.whl")
        return wheel

    return once("dist", build)
