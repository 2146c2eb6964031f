"""Filters for links: a link says where it leads."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from django import template

register = template.Library()
_LABEL = re.compile(r"[^.:\[\]]+")


@register.filter
def leads_to(url: str) -> str:
    """
    Return the host of a web address, or the address of a mailto: URL; "" for a relative URL.

    A host with letters that are not ASCII is returned as the DNS has it (xn--…): they can look like those of another host.
    """
    try:
        parts = urlsplit(str(url))
        if parts.scheme == "mailto":
            return unquote(parts.path)
        host = parts.netloc.rpartition("@")[2]
        return host if host.isascii() else _LABEL.sub(_as_in_dns, host)
    except ValueError:
        return ""


def _as_in_dns(label: re.Match[str]) -> str:
    text = unicodedata.normalize("NFKC", label[0]).lower()
    return text if text.isascii() else f"xn--{text.encode('punycode').decode()}"
