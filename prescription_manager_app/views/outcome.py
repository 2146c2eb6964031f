"""GET /outcome/<slug>/ -- how a connection ended or failed. The words are constant, so no link can change them."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from prescription_manager_app.outcome_page import outcome_page
from prescription_manager_app.outcomes import Outcome


@require_safe
def outcome(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one outcome."""
    found = Outcome.of(slug)
    if found is None:
        raise Http404
    return outcome_page(request, found)
