"""Template context for the frame of every page."""

from django.conf import settings
from django.http import HttpRequest

from prescription_manager_app import sessions


def navigation(request: HttpRequest) -> dict[str, object]:
    """Context processor: is_connected, and has_lifecycle if there is a lifecycle page."""
    return {
        "is_connected": sessions.connection_id(request.session) is not None,
        "has_lifecycle": settings.DEBUG,
    }
