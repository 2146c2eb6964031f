"""All addresses of a list of URL patterns, so that tests cover addresses that are added later."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import URLPattern, URLResolver

import oauth_service.urls

ARGUMENT = re.compile(r"<(?:(\w+):)?\w+>")
SAMPLES = {"int": "7", "path": "a/tenant"}


def addresses(patterns: Sequence[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    """The path of every pattern, with a value in place of each argument."""
    for pattern in patterns:
        path = prefix + ARGUMENT.sub(lambda found: SAMPLES.get(found[1], "word"), str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        else:
            yield path


def each(patterns: Sequence[URLPattern | URLResolver], prefix: str = "/") -> Iterator[tuple[str, Any]]:
    """The path and the view of every pattern."""
    return zip(addresses(patterns, prefix), views(patterns), strict=True)


def views(patterns: Sequence[URLPattern | URLResolver]) -> Iterator[Any]:
    """The view of every pattern."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        else:
            yield pattern.callback


OURS = list(addresses(oauth_service.urls.urlpatterns))
