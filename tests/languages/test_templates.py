"""All texts of templates are marked for translation."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from . import catalogue

TEMPLATES = sorted(catalogue.APP.rglob("*.html"))
MARKED = re.compile(
    r"{%\s*block (?:main_class|bodyclass) %}.*?{%\s*endblock.*?%}|"
    r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}|{%\s*comment.*?endcomment\s*%}|{#.*?#}|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
DEFAULT = re.compile(r"{{[^}]*\|default:\"([^\"]*)\"|{%\s*with\b[^%]*\|default:\"([^\"]*)\"")
READ_ALOUD = ("alt", "aria-label", "aria-description", "aria-placeholder", "label", "placeholder", "title")
# Words that are the same in every language: names of the protocol, and the service's own name.
NAMES = {"client_id", "client_secret", "OAuth Service"}


class Words(HTMLParser):
    """Texts of a template that users read or hear."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_code = tag in ("script", "style")
        given = dict(attrs)
        names = [*READ_ALOUD, *(["value"] if given.get("type") in ("submit", "button", "reset") else [])]
        self.found += [given[name] or "" for name in names if name in given]

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.found.append(data)


def words_of(source: str) -> list[str]:
    """Texts of a template that are not marked."""
    parser = Words(MARKED.sub("", source))
    said = [*parser.found, *(first or second for first, second in DEFAULT.findall(source))]
    stripped = [" ".join(each.split()) for each in said]
    return [each for each in stripped if re.search(r"[^\W\d_]", each) and each not in NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_unmarked_words(path: Path) -> None:
    """Texts of buttons and texts that a screen reader reads aloud count, too."""
    assert words_of(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('{% if x %}<a title="Go on">{% translate "there" %}</a>{% endif %}', ["Go on"]),
        ('<input type="submit" value="Send"><input type="hidden" value="secret">', ["Send"]),
        ("{% blocktranslate %}Hello <b>you</b>{% endblocktranslate %}<script>let x</script>{# why #} · 1", []),
        ('{{ name|default:"Nobody" }}', ["Nobody"]),
    ],
)
def test_unmarked_words_are_found(source: str, expected: list[str]) -> None:
    """Otherwise the test above could not fail."""
    assert words_of(source) == expected
