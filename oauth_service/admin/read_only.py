"""Rows that the server writes and staff only look at."""

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """What the server writes is looked at here, not edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
