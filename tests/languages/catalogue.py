"""
Catalogues of oauth_service/locale, without the gettext tools: `make messages` adds new messages and compiles.

Babel extracts the marked messages from Python and from templates, which Django converts into Python for this purpose.
Babel also writes the files.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from config.sites import ROOT

APP = ROOT / "oauth_service"
LOCALE = APP / "locale"
# Functions that Django's own makemessages looks for.
KEYWORDS = dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None) | {
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
HEADER = (
    "# Translations of oauth_service. `make messages` takes new messages in and compiles; a person translates them."
)
FIXED = datetime(2026, 1, 1, tzinfo=UTC)  # constant, so that the files change with their messages only


def languages() -> list[str]:
    """Languages that have a catalogue, spelled as directories."""
    return sorted(path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/django.po"))


def po_of(language: str) -> Path:
    """The editable catalogue of a language."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def sources() -> Iterator[tuple[Path, str]]:
    """Every file that may have messages, as Python source."""
    for path in sorted(APP.rglob("*.py")):
        yield path, path.read_text()
    for path in sorted(APP.rglob("*.html")):
        # The result is meant for xgettext, which ignores indentation.
        yield path, "\n".join(line.strip() for line in templatize(path.read_text(), origin=str(path)).splitlines())


def marked() -> Catalog:
    """Every message that is marked for translation."""
    found = Catalog(fuzzy=False)
    for path, source in sources():
        lines = BytesIO(source.encode())
        options = {"encoding": "utf-8"}
        for line, message, comments, context in extract("python", lines, KEYWORDS, ["Translators:"], options):
            place = (str(path.relative_to(APP)), line if path.suffix == ".py" else 0)
            found.add(message, locations=[(place[0], 0)], auto_comments=comments, context=context)
    return found


def read(language: str) -> Catalog:
    """The current catalogue of a language."""
    with po_of(language).open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The catalogue of a language with exactly the marked messages; new ones are not translated yet."""
    catalogue = read(language) if po_of(language).exists() else Catalog(locale=language)
    catalogue.update(marked(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.project, catalogue.version = "oauth_service", "1"
    catalogue.header_comment = HEADER
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = "maintainers"
    catalogue.creation_date = catalogue.revision_date = FIXED
    catalogue.fuzzy = False
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """The catalogue as editable text (.po)."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=100, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return buffer.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as Django reads it (.mo)."""
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main(*new: str) -> None:
    """Update and compile every catalogue; create those of new languages."""
    for language in sorted({*languages(), *new}):
        path = po_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(updated(language)))
        path.with_suffix(".mo").write_bytes(compiled(read(language)))


if __name__ == "__main__":
    main(*sys.argv[1:])
