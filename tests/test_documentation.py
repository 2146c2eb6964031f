"""Messages name pages of the documentation by addresses that exist."""

import ast
import re
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from config.sites import ROOT
from oauth_service import documentation

SOURCES = sorted((ROOT / "oauth_service").rglob("*.py"))
TEMPLATES = sorted((ROOT / "oauth_service").rglob("*.html"))


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Forget the metadata, which is read once per process."""
    documentation._site.cache_clear()
    yield
    documentation._site.cache_clear()


def installed(*urls: str) -> Message:
    """The metadata of a package with these URLs."""
    found = Message()
    for url in urls:
        found["Project-URL"] = url
    return found


@pytest.mark.parametrize("address", ["https://docs.example/latest", "https://docs.example/latest/"])
def test_a_page_that_is_published_is_its_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Operators can open the page with a click. `make docs` makes keys.html from docs/keys.md."""
    urls = installed("Source, https://code.example/", f"Documentation, {address}")
    monkeypatch.setattr(documentation, "metadata", lambda _: urls)
    assert documentation.page("keys") == "https://docs.example/latest/keys.html"


def test_a_page_that_is_not_published_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without that address has no link to show, and a checkout has none either."""
    monkeypatch.setattr(documentation, "metadata", lambda _: installed("Source, https://code.example/"))
    assert documentation.page("keys") == "the page “keys” of the documentation"
    documentation._site.cache_clear()

    def refuse(_: str) -> Message:
        raise PackageNotFoundError

    monkeypatch.setattr(documentation, "metadata", refuse)
    assert documentation.page("keys") == "the page “keys” of the documentation"


# -- names in the code -------------------------------------------------------------------------------------------------


def texts(path: Path) -> Iterator[str]:
    """Every string of a module, including pieces of f-strings, but without docstrings and other bare strings."""
    tree = ast.parse(path.read_text())
    alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in alone:
            yield node.value


def files_named(text: str) -> list[str]:
    """
    Files of the documentation that a text names. Links between pages, as conf.py has them for docs/settings.md, do not
    count.
    """
    return re.findall(r"docs/[\w-]*|(?<![\w\[(-])[\w-]+\.md\b", text)


def test_no_message_names_a_file_that_the_package_lacks() -> None:
    """
    A project that has installed the package has no docs/ to look into. Messages are those of checks, the doctor,
    commands, the log and the API's description.
    """
    named = [(path.name, text) for path in SOURCES for text in texts(path) if files_named(text)]
    assert named == []
    assert [path.name for path in TEMPLATES if files_named(path.read_text())] == []


def test_the_walk_sees_every_message() -> None:
    """Otherwise the test above could not fail."""
    doctor = [text for path in SOURCES if path.parent.name == "doctor" for text in texts(path)]
    assert {"client-without-pkce", "keys-rolling", "no-rs256", "issuer-differs"} <= set(doctor)
    assert any("W040" in text for text in texts(ROOT / "oauth_service/checks.py"))
    assert (files_named("see docs/keys.md"), files_named("keys.md says")) == (["docs/keys"], ["keys.md"])
    assert files_named("[keys.md](keys.md#import) says more") == []


def test_every_page_that_is_named_exists() -> None:
    """The address of a page is made of the name of its file."""
    named = {
        name for path in SOURCES for name in re.findall(r"documentation\.page\([\"']([\w-]+)[\"']\)", path.read_text())
    }
    assert {name for name in named if not (ROOT / f"docs/{name}.md").is_file()} == set()
    assert len(named) >= 6
