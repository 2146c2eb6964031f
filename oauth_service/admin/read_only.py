"""Rows that the server writes and staff can only view."""

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """Mixin for rows that staff can view but not add or change."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
