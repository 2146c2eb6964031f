"""What the frame of every page needs to know."""

from django.conf import settings
from django.http import HttpRequest

from prescription_manager_app import sessions


def navigation(request: HttpRequest) -> dict[str, object]:
    """Context processor: whether somebody is connected, and whether there is a lifecycle page to go to."""
    return {
        "is_connected": sessions.connection_id(request.session) is not None,
        "has_lifecycle": settings.DEBUG,
    }
