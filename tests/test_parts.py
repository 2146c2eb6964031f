"""The quick part of the suite and the long one: each test is in one of them."""

from xml.etree import ElementTree

import pytest

from config.sites import ROOT
from tests import parts

LONG = parts.LONG.read_text().split()
QUICK_EVERYWHERE = "tests/grant_types/test_refresh.py::test_a_quick_one[case]"
QUICK_ON_SQLITE = "tests/test_parts.py::test_a_quick_one"
IN_A_FRESH_PROJECT = "tests/packaging/test_wheel.py::test_a_quick_one"


@pytest.mark.parametrize("name", [QUICK_EVERYWHERE, QUICK_ON_SQLITE, IN_A_FRESH_PROJECT, LONG[0], f"{LONG[0]}[case]"])
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_test_is_in_one_part(name: str, database: str) -> None:
    """A run without TEST_PART has them all."""
    assert [parts.selects(part, name, database) for part in ("quick", "long")].count(True) == 1
    assert parts.selects("", name, database)


@pytest.mark.parametrize(
    ("name", "databases"),
    [
        (QUICK_EVERYWHERE, ["sqlite", "postgres"]),
        (QUICK_ON_SQLITE, ["sqlite"]),
        (IN_A_FRESH_PROJECT, []),
        (LONG[0], []),
    ],
)
def test_the_quick_part_has_what_is_quick(name: str, databases: list[str]) -> None:
    """PostgreSQL gets the folders whose behaviour depends on the database."""
    assert [each for each in ("sqlite", "postgres") if parts.selects("quick", name, each)] == databases


def test_only_files_without_a_test_of_the_part_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two parts together read every file on each database."""
    read = {}
    for part in ("quick", "long"):
        for database in ("sqlite", "postgres"):
            monkeypatch.setenv("TEST_PART", part)
            monkeypatch.setenv("TEST_DATABASE", database)
            paths = [ROOT / name.partition("::")[0] for name in (QUICK_EVERYWHERE, QUICK_ON_SQLITE, IN_A_FRESH_PROJECT)]
            read[part, database] = [parts.reads(path) for path in paths]
    assert read.pop(("quick", "sqlite")) == [True, True, False]
    assert read.pop(("quick", "postgres")) == [True, False, False]
    assert list(read.values()) == [[True, True, True]] * 2


@pytest.mark.parametrize("name", LONG)
def test_each_long_test_exists(name: str) -> None:
    """A test that was renamed would be in the quick part."""
    path, *_, function = name.split("::")
    assert f"def {function}(" in (ROOT / path).read_text()


def test_a_function_is_long_if_one_case_is_or_if_all_are_together() -> None:
    """The results have one case for each set of parameters."""
    seconds = {"a": [0.4, 0.1], "b": [0.1] * 16, "c": [0.2, 0.2], "d": [0.01]}
    cases = "".join(
        f'<testcase classname="tests.models.test_x" name="test_{name}[{number}]" time="{each}"/>'
        for name, times in seconds.items()
        for number, each in enumerate(times)
    )
    cases += '<testcase classname="tests.models.test_x.TestGroup" name="test_e" time="0.5"/>'
    root = ElementTree.fromstring(f"<testsuites>{cases}</testsuites>")  # noqa: S314 - written above
    path = "tests/models/test_x.py"
    assert parts.long_functions([root]) == [f"{path}::TestGroup::test_e", f"{path}::test_a", f"{path}::test_b"]
