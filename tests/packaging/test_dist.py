"""`make dist` builds a complete wheel and source distribution, which are the same each time."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from config.sites import ROOT
from tests.architecture.tree import tracked
from tests.packaging.conftest import Once

MOMENT = "1767225600"  # SOURCE_DATE_EPOCH of both builds, as from a commit
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def build(tree: Path, into: Path) -> list[Path]:
    """Build both from a tree; return the wheel and the source distribution."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(into)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": MOMENT}
    subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=True)
    return [next(into.glob("*.whl")), next(into.glob("*.tar.gz"))]


@pytest.fixture(scope="session")
def built(once: Once) -> list[Path]:
    """Both, built from this tree."""
    return once("built", lambda folder: build(ROOT, folder))


@pytest.fixture(scope="session")
def built_elsewhere(once: Once) -> list[Path]:
    """Both, built from a copy in another folder, whose files have other times."""

    def build_elsewhere(folder: Path) -> list[Path]:
        tree = folder / "tree"
        tree.mkdir()
        for name in SOURCES:
            shutil.copyfile(ROOT / name, tree / name)
        for path in tracked():
            if path.is_relative_to(ROOT / "oauth_service"):
                copy = tree / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                os.utime(copy, (1, 1))
        return build(tree, folder / "dist")

    return once("built_elsewhere", build_elsewhere)


def unpacked(sdist: Path, into: Path) -> Path:
    """The tree in a source distribution."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    [tree] = into.iterdir()
    return tree


@pytest.mark.parametrize("which", [0, 1], ids=["wheel", "sdist"])
def test_two_builds_are_alike_in_every_byte(built: list[Path], built_elsewhere: list[Path], which: int) -> None:
    """Anyone can build the release again and see that nothing was slipped into it."""
    assert built[which].read_bytes() == built_elsewhere[which].read_bytes()


def test_the_moment_of_the_build_is_in_it(built: list[Path]) -> None:
    """The comparison above would prove nothing if the builder ignored SOURCE_DATE_EPOCH."""
    with tarfile.open(built[1]) as archive:
        assert {member.mtime for member in archive.getmembers()} == {int(MOMENT)}


def test_the_source_distribution_has_the_package_and_what_explains_it(built: list[Path], tmp_path: Path) -> None:
    """All of the package, and the other files that a packager needs."""
    tree = unpacked(built[1], tmp_path)
    found = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    package = {path.relative_to(ROOT).as_posix() for path in tracked() if path.is_relative_to(ROOT / "oauth_service")}
    assert found == package | {*SOURCES, "PKG-INFO"}


def test_the_source_distribution_builds_the_same_wheel(built: list[Path], tmp_path: Path) -> None:
    """Installing from source gives the same package as installing the wheel."""
    wheel, _sdist = build(unpacked(built[1], tmp_path / "source"), tmp_path / "dist")
    assert wheel.read_bytes() == built[0].read_bytes()


@pytest.mark.parametrize(
    "kind", ["*.py", "py.typed", "*.html", "*.svg", "*.css", "django.po", "django.mo", "migrations/0001_initial.py"]
)
def test_each_kind_of_file_is_in_the_wheel(built: list[Path], kind: str) -> None:
    """Templates, static files, catalogues and the type marker are needed at run time."""
    assert any(Path(name).match(kind) for name in zipfile.ZipFile(built[0]).namelist())


def test_the_metadata_names_every_django_and_python(built: list[Path]) -> None:
    """The metadata is that of pyproject.toml, with the README as the description."""
    archive = zipfile.ZipFile(built[0])
    [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata.get_all("Classifier") == sorted(PROJECT["classifiers"])
    assert (metadata["License-Expression"], metadata["Description-Content-Type"]) == ("BSD-3-Clause", "text/markdown")
    assert (metadata["Version"], metadata["Requires-Python"]) == (PROJECT["version"], PROJECT["requires-python"])


def test_make_dist_checks_what_it_built_and_lists_the_lock() -> None:
    """The tools come from a lock with hashes, in CI, too."""
    recipe = (ROOT / "Makefile").read_text().partition("\ndist:")[2].partition("\n\n")[0]
    assert all(words in recipe for words in ("SOURCE_DATE_EPOCH", "twine check --strict", "requirements.lock"))
    assert re.search(r"^twine==\S+ \\\n    --hash=", (ROOT / "release/requirements.lock").read_text(), re.MULTILINE)
    assert " dist " in (ROOT / ".ci/run").read_text().splitlines()[-1]
