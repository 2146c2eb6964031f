"""The last line of `make test`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.sites import ROOT
from tests import total

TESTS = """
import pytest

def test_passes(): pass

def test_fails(): assert {passes}

@pytest.fixture
def broken(): assert {passes}

def test_has_an_error(broken): pass

@pytest.mark.skip
def test_is_skipped(): pass
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, str]:
    """Results as pytest itself writes them, of a part that fails and of one that passes."""
    written: dict[bool, str] = {}
    for passes in (False, True):
        folder = tmp_path_factory.mktemp("part")
        (folder / "test_it.py").write_text(TESTS.format(passes=passes))
        told = folder / "told.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(folder), str(folder)]
        subprocess.run([*command, f"--junitxml={told}"], check=False, capture_output=True)
        written[passes] = told.read_text()
    return written


def test_parts_that_passed_are_one_sum(results: dict[bool, str], tmp_path: Path) -> None:
    """Results that nobody demanded, such as those of the journeys, count as well."""
    for part in ("client", "journeys"):
        (tmp_path / f"{part}.xml").write_text(results[True])
    assert total.line(tmp_path, ["client"]).startswith("In all: 6 passed, 2 skipped, in ")
    assert total.line(tmp_path, ["client"]).endswith(" s.")


def test_a_part_that_failed_is_named(results: dict[bool, str], tmp_path: Path) -> None:
    """So is a part that did not run after it, or did not end."""
    (tmp_path / "client.xml").write_text(results[True])
    (tmp_path / "server.xml").write_text(results[False])
    said = total.line(tmp_path, ["client", "server", "postgres"])
    assert said.startswith("In all: 4 passed, 2 failed, 2 skipped, in ")
    assert said.endswith(" Failed: server. Without a result: postgres.")


def test_numbers_are_easy_to_read(tmp_path: Path) -> None:
    """Thousands have a comma, and a long time is in minutes."""
    suite = '<testsuites><testsuite tests="21348" failures="0" errors="0" skipped="3" time="722.4"/></testsuites>'
    (tmp_path / "server.xml").write_text(suite)
    assert total.line(tmp_path, ["server"]) == "In all: 21,345 passed, 3 skipped, in 12 min."


def make_test(folder: Path, *, passes: bool) -> tuple[int, str]:
    """Run the recipe of `make test` in a folder where each part is a line, and return its status and its last line of output."""
    recipe = (ROOT / "Makefile").read_text().partition("\ntest: setup")[2].partition("\n\n")[0].partition("\n")[2]
    (folder / "Makefile").write_text(
        "SHELL := /bin/bash\n.SHELLFLAGS := -eu -o pipefail -c\n"
        f"RESULTS := {folder}/results\nBIN := {Path(sys.executable).parent}\n"
        f"test:\n{recipe}\n\ntest-parts:\n\t@{'true' if passes else 'false'}\n"
    )
    # In the folder: a sub-make must not find the Makefile of the project.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["make", "test"], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("passes", [True, False])
def test_make_says_it_last_and_keeps_the_status(tmp_path: Path, passes: bool) -> None:
    """CI stops where a part has failed."""
    status, said = make_test(tmp_path, passes=passes)
    assert (status == 0, said.startswith("In all: 0 passed, in 0 s. Without a result: client-sqlite, ")) == (
        passes,
        True,
    )
