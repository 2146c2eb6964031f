"""The page after a sign-out, which loads clients' frames (OpenID Connect Front-Channel Logout 1.0 section 3)."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from .pages import protect_page, render_page, source_of

# Goes on once the frames have loaded, or after four seconds if one never does. Without scripts the page has a link.
_GO_ON = (
    'const goOn = () => location.replace(document.getElementById("onward").href); '
    'addEventListener("load", goOn); setTimeout(goOn, 4000)'
)


def signed_out_page(
    request: HttpRequest, *, frames: Collection[str] = (), onward: str = "", client: Any = None
) -> HttpResponse:
    """
    Page that confirms the end of the session.

    Args:
        frames: URLs of clients that learn of the sign-out in a frame.
        onward: URL that the browser goes to next, verified by the caller; "" if it stays.
        client: the client that onward belongs to; None for a page of this site.
    """
    script = _GO_ON if onward else ""
    context = {
        "frames": frames,
        "onward": onward,
        "client": client,
        "script": script,
        "login_url": resolve_url(settings.LOGIN_URL),
    }
    response = render_page(request, "signed_out", context)
    protect_page(response, request, frames=frames, script=source_of(script) if script else "")
    return response
