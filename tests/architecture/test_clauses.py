"""Every test of a specification names the clause it proves, and every specification has tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sites import ROOT

SPECS = ROOT / "tests/specs"
# The lifecycle guide and its bad input are our own promises: their tests may name clauses, but need not.
OURS = {"test_lifecycle_guide", "test_bad_input"}
LISTED = (
    "RFC 6749",
    "RFC 6750",
    "RFC 7009",
    "RFC 7515",
    "RFC 7517",
    "RFC 7518",
    "RFC 7519",
    "RFC 7523",
    "RFC 7591",
    "RFC 7592",
    "RFC 7636",
    "RFC 7662",
    "RFC 8252",
    "RFC 8414",
    "RFC 8628",
    "RFC 8693",
    "RFC 8707",
    "RFC 9068",
    "RFC 9207",
    "RFC 9470",
    "RFC 9700",
    "RFC 9701",
    "RFC 9728",
    "OpenID Connect Core",
    "OpenID Connect Registration",
    "Identity Assertion JWT Authorization Grant",
    "Global Token Revocation",
    "Client ID Metadata Document",
)
FILES = sorted(path for path in SPECS.glob("test_*.py") if path.stem not in OURS)
SECTION = re.compile(r"\d+(?:\.\d+)*|[A-Z]")


def proofs_in(path: Path) -> Iterator[ast.FunctionDef]:
    """Test functions of a module."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def clauses_of(test: ast.FunctionDef) -> list[tuple[str, str]]:
    """Specification and section of each @clause on a test."""
    return [
        (str(ast.literal_eval(call.args[0])), str(ast.literal_eval(call.args[1])))
        for call in test.decorator_list
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "clause"
    ]


def file_of(spec: str) -> Path:
    """File with the tests of a specification: "RFC 6749" is in test_rfc6749.py."""
    return SPECS / f"test_{spec.lower().replace('rfc ', 'rfc').replace(' ', '_')}.py"


@pytest.mark.parametrize("spec", LISTED)
def test_every_specification_has_its_file(spec: str) -> None:
    """The file has the specification's name and cites it in its first line."""
    path = file_of(spec)
    assert (ast.get_docstring(ast.parse(path.read_text())) or "").startswith(spec)
    assert len(list(proofs_in(path))) >= 5


def test_every_file_is_of_a_specification() -> None:
    """Tests of anything else belong to another folder."""
    assert {path.name for path in FILES} == {file_of(spec).name for spec in LISTED}


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_test_names_a_clause_of_the_files_specification(path: Path) -> None:
    """Readers go from a clause to its tests, and from a failing test to its clause."""
    astray = [
        (test.name, clauses_of(test))
        for test in proofs_in(path)
        if not any(file_of(spec) == path and SECTION.fullmatch(section) for spec, section in clauses_of(test))
    ]
    assert astray == []


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_test_says_what_the_clause_asks_for(path: Path) -> None:
    """A section number alone explains nothing to readers."""
    assert [test.name for test in proofs_in(path) if len(ast.get_docstring(test) or "") < 20] == []


def test_the_files_were_read() -> None:
    """An empty list has no faults."""
    assert sum(len(list(proofs_in(path))) for path in FILES) > 150
