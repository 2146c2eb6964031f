"""pyproject.toml, README.md and the test matrix name the same supported versions."""

import re
import sqlite3

import django
import pytest
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite
from packaging.requirements import Requirement
from packaging.version import Version

from tests.architecture.test_docs import table
from tests.matrix.__main__ import combined
from tests.matrix.pairs import LOCKS, LOWEST, NEXT_PYTHONS, PROJECT, all_pairs, in_order, promised, pythons_of

NEEDED = [Requirement(each) for each in PROJECT["dependencies"]]
EXTRAS = [Requirement(each) for extra in PROJECT["optional-dependencies"].values() for each in extra]
SERIES = ".".join(map(str, django.VERSION[:2]))


def pins(name: str) -> dict[str, Version]:
    """Pins of a lock of the matrix. If a package is pinned twice, the last one counts."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", (LOCKS / name).read_text(), re.MULTILINE)
    return {package: Version(version) for package, version in found}


def supported() -> dict[str, list[str]]:
    """Rows of README.md by series of Django: versions of Python, SQLite and PostgreSQL."""
    return {row[0].removesuffix(" LTS"): row[1:] for row in table("README.md", "Supported versions")}


def test_the_readme_lists_what_pyproject_promises() -> None:
    """The README lists each series of Django with its Pythons, and no others."""
    assert {series: row[0].split(", ") for series, row in supported().items()} == {
        series: pythons_of(series) for series in promised("Framework :: Django")
    }


def test_the_oldest_python_is_the_one_that_pip_asks_for() -> None:
    """pip goes by `requires-python`, and people go by the classifiers."""
    assert PROJECT["requires-python"] == f">={promised('Programming Language :: Python')[0]}"


def test_no_bound_keeps_a_project_from_a_newer_release() -> None:
    """A project that wants the next Django should not have to wait for us."""
    operators = {clause.operator for requirement in (*NEEDED, *EXTRAS) for clause in requirement.specifier}
    assert operators <= {">=", "!="}


def test_the_matrix_has_every_promise() -> None:
    """The matrix also has the lowest of all dependencies, with the oldest Python."""
    promises = {(python, series) for series in promised("Framework :: Django") for python in pythons_of(series)}
    others = {(python, series) for series in promised("Framework :: Django") for python in NEXT_PYTHONS}
    lowest = (promised("Programming Language :: Python")[0], LOWEST)
    assert {(pair.python, pair.django) for pair in all_pairs()} == promises | others | {lowest}


@pytest.mark.parametrize("requirement", [*NEEDED, *EXTRAS], ids=str)
def test_the_lowest_pair_has_the_lowest_release(requirement: Requirement) -> None:
    """A lower bound that no run tests is a guess. `make lock` writes the lock again."""
    [floor] = [Version(clause.version) for clause in requirement.specifier if clause.operator == ">="]
    pinned = pins("lowest.lock")[requirement.name]
    assert pinned.release[: len(floor.release)] == floor.release


@pytest.mark.parametrize("series", promised("Framework :: Django"))
def test_each_series_has_its_pin(series: str) -> None:
    """The matrix must test the release that pip would install with our package."""
    pinned = pins(f"django-{series}.lock")["django"]
    [requirement] = [each for each in NEEDED if each.name == "django"]
    assert pinned.release[:2] == in_order(series)
    assert requirement.specifier.contains(pinned)


def test_a_pin_of_the_matrix_takes_the_place_of_ours() -> None:
    """The replacing pin brings all of its hashes, and our pin for another Python is gone."""
    ours = "a==1 \\\n    --hash=x\ndjango==5 ; python < 3 \\\n    --hash=y\ndjango==6 \\\n    --hash=z\nz==1"
    assert combined(ours, "django==7 \\\n    --hash=w") == "a==1 \\\n    --hash=x\nz==1\ndjango==7 \\\n    --hash=w"


def test_the_readme_says_which_databases_this_django_takes() -> None:
    """The matrix runs this test with every series of Django."""
    _pythons, sqlite, postgresql = supported()[SERIES]
    assert (in_order(sqlite), in_order(postgresql)) == (
        SQLite.features_class.minimum_database_version,
        PostgreSQL.features_class.minimum_database_version,
    )
    assert sqlite3.sqlite_version_info >= in_order(sqlite)
