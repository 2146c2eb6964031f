"""The list of mutations fits the code; `make mutants` runs it."""

import ast

import pytest

from config.sites import ROOT
from tests.attacks.mutations import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.attack)
def test_each_text_occurs_once_and_its_removal_is_valid_python(mutation: Mutation) -> None:
    """The text occurs exactly once, so it is clear what is removed, and the rest is valid Python."""
    source = (ROOT / "oauth_service" / mutation.file).read_text()
    assert source.count(mutation.old) == 1
    ast.parse(source.replace(mutation.old, mutation.new))


@pytest.mark.parametrize("test", sorted({each.test for each in MUTATIONS}))
def test_each_test_is_there(test: str) -> None:
    """The list names each test correctly."""
    file, _, name = test.partition("::")
    source = (ROOT / "tests" / file).read_text()
    assert f"def {name}(" in source if name else "def test_" in source


def test_no_attack_is_listed_twice() -> None:
    """Each mutation removes another defence."""
    assert len({(each.file, each.old, each.new) for each in MUTATIONS}) == len(MUTATIONS)
