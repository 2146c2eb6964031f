"""
The two parts of the suite. `make test` runs the quick part in a few minutes, and `make test-long` the others. CI runs both.

TEST_PART=quick selects the tests that are not in long.txt. On PostgreSQL it selects those in the folders of CORE only.
TEST_PART=long selects the others. Without TEST_PART every test is selected.

    python -m tests.parts FOLDER

writes long.txt again, from the results in a folder (pytest --junitxml), such as build/tests of a CI run.
"""

import functools
import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
LONG = ROOT / "tests/long.txt"
# Behaviour that depends on the database: locks, compiled statements, constraints.
CORE = ("tests/concurrency/", "tests/endpoints/", "tests/grant_types/", "tests/models/")
# A function is long if one of its cases takes this many seconds, or if all of them together take six times as many.
CASE_SECONDS, FUNCTION_SECONDS = 0.5, 3.0


def selects(part: str, name: str, database: str) -> bool:
    """
    Return whether a part has a test.

    Args:
        part: "quick", "long", or "" for every test.
        name: path and name of the test, such as "tests/test_conf.py::test_a_default[ISSUER]".
        database: "sqlite" or "postgres".
    """
    is_quick = name.partition("[")[0] not in _long() and (database == "sqlite" or name.startswith(CORE))
    return {"": True, "quick": is_quick, "long": not is_quick}[part]


def selected(name: str) -> bool:
    """Return whether the part of this run has a test."""
    return selects(os.environ.get("TEST_PART", ""), name, os.environ.get("TEST_DATABASE", "sqlite"))


def reads(path: Path) -> bool:
    """Return whether the part of this run may have tests in a file. If not, pytest need not import it."""
    is_core_only = os.environ.get("TEST_PART") == "quick" and os.environ.get("TEST_DATABASE") == "postgres"
    return not is_core_only or path.relative_to(ROOT).as_posix().startswith(CORE)


def long_functions(results: Iterable[ElementTree.Element]) -> list[str]:
    """Return the test functions that took long, in order."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for root in results:
        for case in root.iter("testcase"):
            path = f"{case.get('classname', '').replace('.', '/')}.py"
            seconds[f"{path}::{case.get('name', '').partition('[')[0]}"].append(float(case.get("time", 0)))
    return sorted(
        name for name, cases in seconds.items() if max(cases) >= CASE_SECONDS or sum(cases) >= FUNCTION_SECONDS
    )


@functools.cache
def _long() -> set[str]:
    return set(LONG.read_text().split())


if __name__ == "__main__":
    found = [ElementTree.parse(path).getroot() for path in Path(sys.argv[1]).glob("server-*.xml")]  # noqa: S314 - pytest wrote them
    LONG.write_text("".join(f"{name}\n" for name in long_functions(found)))
