"""The rules of docs/style.md that a program can check: `make lint` runs this module on docstrings, comments and Markdown."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from config.sites import ROOT
from tests.architecture.tree import tracked

OPENINGS = re.compile(
    r"(?i:who|whom|whose|whoever|what|whatever|which|whichever|when|whenever|where|wherever|whether|why|how|however|"
    r"it|its|one|ones|they|them|their|those|that|nobody|"
    r"of|in|on|as|by|with|"
    r"and|or|but|nor|neither|else)(?:'s)?(?![\w'-])"  # “One-time” opens with another word than “One”
)
PHRASES = {
    re.compile(r"\b(?i:whoever|whomever)\b"): "anyone who",
    re.compile(r"\b(?i:by|to|of) nobody\b"): "no client, no user",
    re.compile(r"\bNor\b"): "a sentence with “not”",
    re.compile(r"\b(?i:by|of|for) who\b"): "by clients that, of users who",
    re.compile(r"\b(?i:all the same)\b"): "anyway",
    re.compile(r"\b(?i:(?:tell|tells|told) of)\b"): "reports",
}

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Code and quotations have their own words.
QUOTED = re.compile(r"^```.*?^```|^~~~.*?^~~~|`[^`]*`|“[^”]*”|\"[^\"]*\"", re.MULTILINE | re.DOTALL)


def faults(path: Path) -> list[str]:
    """Every breach of the rules in a Python or Markdown file, as `line: what to change`."""
    text = path.read_text()
    if path.suffix == ".md":
        return [*_refused_phrases(text, 1)]
    tree = ast.parse(text)
    found = []
    for line, docstring in docstrings(tree):
        found += [*_refused_opening(docstring, line), *_refused_phrases(docstring, line)]
    for line, comment in comments(text):
        found += _refused_phrases(comment, line)
    return found


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, its classes and functions, with the line that each begins in."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


def comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments of a module; those of consecutive lines are one text."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != last + 1:
            yield first, "\n".join(block)
            block = []
        first = token.start[0] if not block else first
        last = token.start[0]
        block.append(token.string.lstrip("# "))
    if block:
        yield first, "\n".join(block)


def _refused_opening(docstring: str, line: int) -> Iterator[str]:
    if word := OPENINGS.match(docstring):
        yield f"{line}: a docstring opens with “{word[0]}”; begin with a verb or a noun"


def _refused_phrases(text: str, line: int) -> Iterator[str]:
    prose = QUOTED.sub(lambda quoted: re.sub(r"[^\n]", " ", quoted[0]), text)
    for phrase, better in PHRASES.items():
        for match in phrase.finditer(prose):
            yield f"{line + prose.count(chr(10), 0, match.start())}: “{match[0]}”; better: {better}"


def prose_files() -> list[Path]:
    """The Python and Markdown files of the tree."""
    return [path for path in tracked() if path.suffix in (".py", ".md")]


def all_faults() -> list[str]:
    """Every breach in the tree, as `file:line: what to change`."""
    return [f"{path.relative_to(ROOT)}:{fault}" for path in prose_files() for fault in faults(path)]


if __name__ == "__main__":
    raise SystemExit("\n".join(all_faults()) or None)
