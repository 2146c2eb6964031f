"""GET /lifecycle/guide/ -- the lifecycle guide, whose messages both sites follow; available in development only."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

import simulation

GUIDE = Path(simulation.__file__).with_name("lifecycle-guide.txt")


@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """Show the guide word for word."""
    return render(request, "prescription_manager_app/guide.html", {"text": GUIDE.read_text(encoding="utf-8")})
