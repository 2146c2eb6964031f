"""The check of docs/style.md notices what it refuses, and leaves code and quotations alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.sites import ROOT
from tests.architecture import prose


def faults(tmp_path: Path, name: str, text: str) -> list[str]:
    """The faults of a file with this text."""
    (tmp_path / name).write_text(text)
    return prose.faults(tmp_path / name)


@pytest.mark.parametrize("word", ["Who", "What's", "Of", "One", "It", "Its", "Nobody's", "neither"])
def test_a_docstring_opens_with_a_verb_or_a_noun(tmp_path: Path, word: str) -> None:
    """The first word tells readers what a function returns or does."""
    text = f'"""Words."""\n\n\ndef words() -> None:\n    """{word} asks, and why."""\n'
    assert [fault.partition(":")[0] for fault in faults(tmp_path, "words.py", text)] == ["5"]


@pytest.mark.parametrize(
    "opening", ["One-time codes.", "Owners of it.", "Return whether it is.", '"It is REQUIRED."', "“Who” is a heading."]
)
def test_an_opening_that_only_resembles_a_refused_one_is_taken(tmp_path: Path, opening: str) -> None:
    """Quotations of a specification open as the specification does."""
    assert faults(tmp_path, "words.py", f"''' {opening}'''\n") == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", "# Title\n\nIt ends for whoever\nasks.\n", "3"),
        ("code.py", "x = 1\n# first\n# seen by nobody\n", "3"),
        ("code.py", '"""Title.\n\nNor this.\n"""\n', "3"),
        ("code.py", "x = 1  # made by who asks\n", "1"),
    ],
)
def test_a_refused_phrase_is_found_where_prose_is(tmp_path: Path, name: str, text: str, line: str) -> None:
    """The check covers Markdown, docstrings and comments."""
    assert [fault.partition(":")[0] for fault in faults(tmp_path, name, text)] == [line]


def test_code_and_quotations_have_their_own_words(tmp_path: Path) -> None:
    """docs/style.md names the words that it refuses."""
    text = '“whoever” and `whoever` and "whoever"\n\n```sh\nwhoever\n```\n'
    assert faults(tmp_path, "page.md", text) == []
    assert faults(tmp_path, "code.py", 'whoever = "all the same"\n') == []


def test_the_style_guide_names_every_refused_phrase() -> None:
    """A contributor looks up the better word there."""
    guide = (ROOT / "docs/style.md").read_text()
    assert [phrase.pattern for phrase in prose.PHRASES if not phrase.search(guide)] == []


def test_the_rules_hold_for_code_and_documentation() -> None:
    """An empty list has no faults."""
    assert {ROOT / "README.md", ROOT / "docs/style.md", ROOT / "oauth_service/wsgi.py"} <= {*prose.prose_files()}


def test_the_program_fails_if_there_are_faults_and_only_then() -> None:
    """`make lint` stops at an exit status other than 0."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.architecture.prose"], cwd=ROOT, capture_output=True, check=False
    )
    assert (finished.returncode == 0) == (prose.all_faults() == [])
