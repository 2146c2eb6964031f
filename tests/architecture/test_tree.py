"""Names, marks and mistakes that must not be anywhere in the tree."""

import re
from pathlib import Path

import pytest

from config.sites import ROOT
from tests.architecture import prose
from tests.architecture.tree import tracked

NAMELESS = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
# Assembled here, so that this file does not contain the words it looks for.
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")


@pytest.fixture(scope="module")
def tree() -> list[Path]:
    """The repository's files, listed once."""
    return tracked()


def test_no_module_is_named_as_a_drawer(tree: list[Path]) -> None:
    """A name such as utils does not say what the module holds."""
    drawers = [
        str(path.relative_to(ROOT))
        for path in tree
        if path.suffix == ".py" and NAMELESS & {path.stem, path.parent.name}
    ]
    assert drawers == []


def test_nothing_is_marked_as_unfinished(tree: list[Path]) -> None:
    """Remaining work belongs in an issue, not in a comment."""
    marked = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tree
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert marked == []


def test_no_file_has_the_marks_of_a_merge(tree: list[Path]) -> None:
    """Pages with both sides of a conflict pass every other test."""
    mark = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
    assert [path.name for path in tree if mark.search(path.read_text(errors="replace"))] == []


def test_prose_is_plain() -> None:
    """docs/style.md has the rules, and a better word for each refused one."""
    assert prose.all_faults() == []


def test_no_test_asks_djangos_default_database(tree: list[Path]) -> None:
    """
    `make test` runs the tests with routers, too. tests/database.py has the connection and its alias for both runs.
    """
    default = re.compile(r"^from django\.db import .*\bconnection\b|\.atomic\(\)|_raw_delete\(\"default", re.MULTILINE)
    own = {"prescription_manager_app", "architecture"}  # another project's tests, and this folder
    tests = [path for path in tree if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]
    assert [path.name for path in tests if not own & set(path.parts) and default.search(path.read_text())] == []


def test_what_make_test_leaves_out_is_run_by_ci(tree: list[Path]) -> None:
    """
    Each test that `make test` leaves out needs a target of its own that runs it: a test that never runs proves nothing.
    """
    makefile = (ROOT / "Makefile").read_text()
    run = (ROOT / ".ci/run").read_text().splitlines()[-1].removeprefix("make ").split()
    recipes = [makefile.partition(f"\n{target}:")[2].partition("\n\n")[0] for target in run]
    [left_out] = re.findall(r"^ELSEWHERE := (.+)$", makefile, re.MULTILINE)
    markers = re.findall(r"not (\w+)", left_out)
    assert "walk" in markers
    assert {"test", "test-long"} <= {*run}  # the two parts of tests/parts.py
    assert [marker for marker in markers if not any(re.search(rf'-m "?{marker}\b', each) for each in recipes)] == []
    # Ignored directories may hold nothing but walks.
    [directories] = re.findall(r"^ALL_WALKS := (.+)$", makefile, re.MULTILINE)
    ignored = [path for path in tree if {*path.parts} & {*directories.split()} and path.name.startswith("test_")]
    assert [path.name for path in ignored if "\npytestmark = pytest.mark.walk\n" not in path.read_text()] == []


def test_the_whole_tree_was_looked_at(tree: list[Path]) -> None:
    """Otherwise the tests above could not fail."""
    assert {ROOT / "manage.py", ROOT / "oauth_service/urls.py", ROOT / "tests/conftest.py"} <= set(tree)
