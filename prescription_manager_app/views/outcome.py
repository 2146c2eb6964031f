"""GET /outcome/<slug>/ -- how a connection ended or failed; constant words, so that nobody can put theirs in ours."""

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
