"""Attributes of a page that programs read (addresses, values, ids, lengths). Their numbers must not be localised."""

import re
from html.parser import HTMLParser
from typing import Any

_READ = frozenset({"href", "action", "src", "value", "id", "for", "maxlength", "minlength", "name", "width", "height"})
# 1,234,567 or 1,234, with any thousands separator of Django's languages.
_LOCALISED = re.compile(r"(?<!\d)\d{1,3}([.,'\s\u00a0\u202f\u2019])\d{3}(\1\d{3})*(?!\d)")


class _Attributes(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.values += [value for name, value in attrs if name in _READ and value]


def localised(response: Any) -> list[str]:
    """Attribute values that have a localised number in them."""
    return [value for value in _Attributes(response.content.decode()).values if _LOCALISED.search(value)]
