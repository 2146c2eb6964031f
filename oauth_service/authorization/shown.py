"""What a consent page says: the scope in words, and for which API (RFC 8707 section 2.1)."""

from collections.abc import Collection
from typing import Any

from .. import conf
from ..models import Resource
from ..tokens.resources import Resources


def in_words(
    scope: str, resources: Resources, *, before: Collection[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    The scope in words: what is said at none of the resources in its own, and what is, by resource.

    Args:
        scope: that is asked for, space-delimited.
        before: scopes that the person has allowed before; the others are marked as new, unless there are none.
    """
    words, names = conf.SCOPES(), scope.split()
    rows = resources.rows
    if not rows and not words.keys() >= set(names):  # a scope of a resource, asked for without it
        words = {**Resource.objects.words(), **words}

    def said(name: str, description: str) -> dict[str, Any]:
        return {"name": name, "description": description, "is_new": bool(before) and name not in before}

    general = [
        said(name, words.get(name, name))
        for name in names
        if not rows or (name in words and not all(name in row.words for row in rows))
    ]
    of_resources = [
        {
            "name": row.name,
            "identifier": row.identifier,
            "scopes": [said(name, row.words[name]) for name in names if name in row.words],
        }
        for row in rows
    ]
    return general, of_resources
