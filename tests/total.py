"""
Print one line about all parts of `make test`: how many tests passed, failed and were skipped, and how long they took.

    python -m tests.total FOLDER PART...

Each part writes FOLDER/PART.xml (pytest --junitxml). A part without that file is named: it did not run, or did not end.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree


def line(folder: Path, parts: Sequence[str]) -> str:
    """
    Return the sum of the results in a folder.

    Args:
        parts: names of results that must be there; others are added if they are.
    """
    results = {path.stem: ElementTree.parse(path).getroot() for path in sorted(folder.glob("*.xml"))}  # noqa: S314 - pytest wrote them
    suites = {name: list(root.iter("testsuite")) for name, root in results.items()}
    every = [suite for found in suites.values() for suite in found]
    tests, failed, skipped = _sum(every, "tests"), _failures(every), _sum(every, "skipped")
    counts = [
        f"{tests - failed - skipped:,} passed",
        *_unless_none(failed, "failed"),
        *_unless_none(skipped, "skipped"),
    ]
    seconds = sum(float(suite.get("time", 0)) for suite in every)
    said = f"In all: {', '.join(counts)}, in {_duration(seconds)}."
    if failing := [name for name, found in suites.items() if _failures(found)]:
        said += f" Failed: {', '.join(failing)}."
    if missing := [name for name in parts if name not in results]:
        said += f" Without a result: {', '.join(missing)}."
    return said


def _sum(suites: Sequence[ElementTree.Element], attribute: str) -> int:
    return sum(int(suite.get(attribute, 0)) for suite in suites)


def _failures(suites: Sequence[ElementTree.Element]) -> int:
    return _sum(suites, "failures") + _sum(suites, "errors")


def _unless_none(count: int, word: str) -> Iterator[str]:
    if count:
        yield f"{count:,} {word}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.stdout.write(f"{line(Path(sys.argv[1]), sys.argv[2:])}\n")
