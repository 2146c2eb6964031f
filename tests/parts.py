"""
The two parts of the suite. `make test` runs the quick part in a few minutes, and `make test-long` the others. CI runs both.

TEST_PART=quick selects the tests that are neither in long.txt nor in a folder of FRESH. On PostgreSQL it selects those in the
folders of CORE only. TEST_PART=long selects the others. Without TEST_PART every test is selected.

    python -m tests.parts FOLDER...

writes long.txt again, from the results in folders (pytest --junitxml): build/tests and build/tests-long after a CI run.
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
# Behaviour that depends on the database: locks, compiled statements, constraints; and what specifications name.
CORE = ("tests/concurrency/", "tests/endpoints/", "tests/grant_types/", "tests/models/", "tests/specs/")
# Each file makes fresh projects, and all of its tests use them.
FRESH = ("tests/packaging/",)
# A function is long if one of its cases takes this many seconds, or if all of them together take five times as many.
CASE_SECONDS, FUNCTION_SECONDS = 0.3, 1.5


def selects(part: str, name: str, database: str) -> bool:
    """
    Return whether a part has a test.

    Args:
        part: "quick", "long", or "" for every test.
        name: path and name of the test, such as "tests/test_conf.py::test_a_default[ISSUER]".
        database: "sqlite" or "postgres".
    """
    is_long = name.startswith(FRESH) or name.partition("[")[0] in _long()
    is_quick = not is_long and (database == "sqlite" or name.startswith(CORE))
    return {"": True, "quick": is_quick, "long": not is_quick}[part]


def selected(name: str) -> bool:
    """Return whether the part of this run has a test."""
    return selects(os.environ.get("TEST_PART", ""), name, os.environ.get("TEST_DATABASE", "sqlite"))


def reads(path: Path) -> bool:
    """Return whether the part of this run may have tests in a file. If not, pytest need not import it."""
    if os.environ.get("TEST_PART") != "quick":
        return True
    name = path.relative_to(ROOT).as_posix()
    return not name.startswith(FRESH) and (os.environ.get("TEST_DATABASE") != "postgres" or name.startswith(CORE))


def long_functions(results: Iterable[ElementTree.Element]) -> list[str]:
    """Return the test functions that took long, in order."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for root in results:
        for case in root.iter("testcase"):
            seconds[_function_of(case)].append(float(case.get("time", 0)))
    return sorted(
        name
        for name, cases in seconds.items()
        if not name.startswith(FRESH) and (max(cases) >= CASE_SECONDS or sum(cases) >= FUNCTION_SECONDS)
    )


def _function_of(case: ElementTree.Element) -> str:
    # The results have "tests.device.test_polls.TestBudgets" for a test in a class.
    module, dot, group = case.get("classname", "").partition(".Test")
    names = [
        f"{module.replace('.', '/')}.py",
        *([f"Test{group}"] if dot else []),
        case.get("name", "").partition("[")[0],
    ]
    return "::".join(names)


@functools.cache
def _long() -> set[str]:
    return set(LONG.read_text().split())


if __name__ == "__main__":
    paths = [path for folder in sys.argv[1:] for path in Path(folder).glob("server-*.xml")]
    found = [ElementTree.parse(path).getroot() for path in paths]  # noqa: S314 - pytest wrote them
    LONG.write_text("".join(f"{name}\n" for name in long_functions(found)))
