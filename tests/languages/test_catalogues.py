"""The catalogues are complete, compiled, and have exactly the messages of the code."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog
from babel.messages.mofile import read_mo
from django.utils.translation import get_language_info

from . import catalogue

each_language = pytest.mark.parametrize("language", catalogue.languages())
TOKEN = re.compile(r"%\(\w+\)[sd]|%[sd]|</?\w+[^>]*>")
ENDS = ("", "?", ":", ".", ")")
# Calls and assignments whose text users read:
SHOWN = frozenset(
    {
        "verbose_name",
        "verbose_name_plural",
        "help_text",
        "label",
        "title",
        "sentence",
        "search_help_text",
        "description",
    }
)
SHOWING = ("admin", "endpoints", "models", "people", "web", "apps.py")


def messages(found: Catalog) -> dict[Any, Any]:
    """Map (context, message) to the translation, with plural forms as tuples and without the header."""
    pairs = [((each.context, each.id), each.string) for each in found if each.id]
    # The two formats return plural forms as lists or as tuples.
    return {(context, _frozen(message)): _frozen(string) for (context, message), string in pairs}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def texts(value: Any) -> tuple[str, ...]:
    """A message or translation as its forms."""
    return (value or "",) if isinstance(value, str | None) else tuple(value)


def translations(language: str) -> Iterator[tuple[str, str]]:
    """Each form of each message with its translation."""
    for (_context, message), translation in messages(catalogue.read(language)).items():
        yield from zip(texts(message), texts(translation), strict=True)


def test_there_is_a_complete_language() -> None:
    """German shows that a new language only needs a catalogue."""
    assert "de" in catalogue.languages()


@each_language
def test_every_message_is_there_and_no_other(language: str) -> None:
    """`make messages` adds new messages, which a developer then has translated."""
    assert messages(catalogue.read(language)).keys() == messages(catalogue.marked()).keys()


def test_no_message_is_inside_an_f_string() -> None:
    """Before Python 3.12, `make messages` does not see it there."""
    found = []
    for path in catalogue.APP.rglob("*.py"):
        formatted = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.JoinedStr)]
        calls = [node for each in formatted for node in ast.walk(each) if isinstance(node, ast.Call)]
        names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
        found += [path.name] if names & set(catalogue.KEYWORDS) else []
    assert found == []


@each_language
def test_every_message_is_translated(language: str) -> None:
    """A page half in English is worse than one in English."""
    found = catalogue.read(language)
    assert [each.id for each in found if each.id and (each.fuzzy or not all(texts(each.string)))] == []


@each_language
def test_the_compiled_catalogue_is_of_these_messages(language: str) -> None:
    """
    The compiled files are in the repository, so that nobody needs the gettext tools. `make messages` compiles them.
    """
    with catalogue.po_of(language).with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    assert messages(compiled) == messages(catalogue.read(language))
    assert compiled.plural_expr == catalogue.read(language).plural_expr


@each_language
def test_placeholders_and_markup_are_kept(language: str) -> None:
    """A page fails if a placeholder is missing, and a translation must not add tags."""
    assert [
        message
        for message, translation in translations(language)
        if Counter(TOKEN.findall(message)) != Counter(TOKEN.findall(translation))
    ] == []


@each_language
def test_a_translation_ends_as_its_message_does(language: str) -> None:
    """Templates join texts, so a lost space or full stop would show."""

    def end(text: str) -> str:
        plain = TOKEN.sub("", text)
        return plain[-1:] if plain[-1:] in ENDS and not plain.endswith(")") else ""

    found = list(translations(language))
    assert [message for message, translation in found if end(message) != end(translation)] == []
    assert [text for _, text in found if text != text.strip() or "  " in text] == []


@each_language
def test_a_catalogue_says_what_its_words_are(language: str) -> None:
    """The attributes lang and dir of every page come from the catalogue."""
    known = {context: string for (context, _), string in messages(catalogue.read(language)).items() if context}
    info = get_language_info(language)
    assert set(known.values()) == {info["code"], "rtl" if info["bidi"] else "ltr"}


def test_german_is_polite_and_has_its_own_quotation_marks() -> None:
    """The readers are strangers at a sign-in page."""
    found = [TOKEN.sub("", text) for _, text in translations("de")]
    assert [text for text in found if re.search(r"\b(du|dir|dich|dein\w*)\b", text, re.IGNORECASE)] == []
    assert [text for text in found if re.search(r"[\"'“](?=\w)|”", text)] == []


def unmarked(path: Path) -> Iterator[str]:
    """Texts that Python shows to users without marking them."""
    for node in ast.walk(ast.parse(path.read_text())):
        values: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.Call):
            values = [(each.arg or "", each.value) for each in node.keywords]
            name = ast.unparse(node.func)
            if name.startswith("messages.") and len(node.args) > 1:
                values.append(("title", node.args[1]))
            if name.endswith(("ValidationError", "Field")) and node.args:
                values.append(("title", node.args[0]))
        elif isinstance(node, ast.Assign):
            values = [(ast.unparse(target), node.value) for target in node.targets]
        elif isinstance(node, ast.Dict):
            values = [
                (str(key.value), value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
        for name, value in values:
            if name in SHOWN and isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield f"{path.relative_to(catalogue.APP)}:{value.lineno}: {value.value}"


def test_what_python_shows_to_people_is_marked() -> None:
    """Titles, labels, help texts, messages and form errors of Python code would stay English otherwise."""
    paths = [
        path
        for name in SHOWING
        for path in ([catalogue.APP / name] if "." in name else (catalogue.APP / name).rglob("*.py"))
    ]
    assert len(paths) > 30
    assert [each for path in paths for each in unmarked(path)] == []
