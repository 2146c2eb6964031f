"""Session middleware for browsers that send two requests at once."""

from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


class SessionMiddleware(DjangoSessionMiddleware):
    """Redirects to the start page if another tab has logged out; Django would show an error page."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session; if it has ended in the meantime, its data are gone."""
        try:
            return super().process_response(request, response)
        except SessionInterrupted:
            return redirect("home")
