"""POST /lifecycle/try/<slug>/ -- try what must fail; a page of development."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from prescription_manager_app.conf import registration
from prescription_manager_app.experiments import Bench, NothingToTryWithError, find
from prescription_manager_app.models import RecordedExchange
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.recording import journey, observer
from prescription_manager_app.sealing import UnreadableError
from prescription_manager_app.visits import connection_of


@require_POST
def experiment(request: HttpRequest, slug: str) -> HttpResponse:
    """Run one experiment with this session's own connection, and go back to see what came of it."""
    found = find(slug)
    if found is None:
        raise Http404
    RecordedExchange.objects.filter(journey=journey(request), experiment=slug).delete()
    bench = Bench(
        server=AuthorizationServer(registration=registration(), observe=observer(request, experiment=slug)),
        connection=connection_of(request),
        recorded=RecordedExchange.objects.of(journey(request), experiment=""),
    )
    try:
        elsewhere = found.run(bench)
    except NothingToTryWithError as reason:
        messages.info(request, str(reason))
        return redirect("lifecycle")
    except UnreadableError:
        messages.info(request, "The tokens cannot be read any more: connect again.")
        return redirect("lifecycle")
    if elsewhere:
        return HttpResponseRedirect(elsewhere)
    return HttpResponseRedirect(f"{reverse('lifecycle')}#{slug}")
