"""All code that compares scopes takes into account which scopes they imply."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sites import ROOT

SERVER = ROOT / "oauth_service"
COMPARISONS = frozenset(
    {"covers", "intersection", "narrowed", "requested", "scope_left", "next_step", "requested_scope"}
)
OF_SCOPES = frozenset({"scope", "scopes", "exchanged", "token_exchange", "authorization_request"})


def comparisons(source: str) -> Iterator[ast.Call]:
    """Every call that compares scopes, found by the name of the module or of the function."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(attr=name, value=ast.Name(id=module)) if module in OF_SCOPES and name in COMPARISONS:
                yield node
            case ast.Name(id=name) if name in {"next_step", "requested_scope"}:
                yield node


def forgetful(source: str) -> list[int]:
    """Lines of comparisons that lack the implied scopes."""
    return [call.lineno for call in comparisons(source) if "implies" not in {each.arg for each in call.keywords}]


@pytest.mark.parametrize("path", sorted(SERVER.rglob("*.py")), ids=lambda path: str(Path(path).relative_to(SERVER)))
def test_every_comparison_knows_what_scopes_imply(path: Path) -> None:
    """A comparison that ignores implied scopes would refuse allowed scope, or keep withdrawn scope."""
    assert forgetful(path.read_text()) == []


def test_the_comparisons_are_found() -> None:
    """Otherwise the test above could not fail."""
    found = [call for path in SERVER.rglob("*.py") for call in comparisons(path.read_text())]
    assert len(found) > 15
    assert forgetful("scopes.covers(a, b)") == [1]
