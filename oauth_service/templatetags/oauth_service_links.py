"""Filters for links: a link says where it leads."""

from urllib.parse import unquote, urlsplit

from django import template

register = template.Library()


@register.filter
def leads_to(url: str) -> str:
    """Return the host of a web address, or the address of a mailto: URL; "" for a relative URL."""
    try:
        parts = urlsplit(str(url))
        return unquote(parts.path) if parts.scheme == "mailto" else parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
