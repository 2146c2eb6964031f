"""Django's sessions, for browsers that send two requests at once."""

from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


class SessionMiddleware(DjangoSessionMiddleware):
    """Sends a browser that logged out in another tab to the start page, where Django has an error page for it."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session; what it remembered is gone if it has ended meanwhile."""
        try:
            return super().process_response(request, response)
        except SessionInterrupted:
            return redirect("home")
