"""Every address of the server, read from its URLconf, so that tests cover new addresses, too."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern

from oauth_service import urls
from oauth_service.endpoints.metrics import metrics


def _addresses() -> Iterator[tuple[str, Any]]:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        yield re.sub(r"<\w+:\w+>", "x", f"/{pattern.pattern}"), pattern.callback


def _is_for_programs(view: Any) -> bool:
    return hasattr(view, "answer") or view is metrics


ALL: dict[str, Any] = dict(_addresses())
"""Path → view."""
FOR_PROGRAMS: tuple[str, ...] = tuple(path for path, view in ALL.items() if _is_for_programs(view))
FOR_PEOPLE: tuple[str, ...] = tuple(path for path, view in ALL.items() if not _is_for_programs(view))
