"""POST /lifecycle/try/<slug>/ -- run an experiment; available in development only."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from prescription_manager_app.conf import registration
from prescription_manager_app.experiments import Bench, NothingToTryWithError, alone, find
from prescription_manager_app.models import RecordedExchange
from prescription_manager_app.oauth import AuthorizationServer
from prescription_manager_app.recording import journey, observer
from prescription_manager_app.sealing import UnreadableError
from prescription_manager_app.visits import connection_of


@require_POST
def experiment(request: HttpRequest, slug: str) -> HttpResponse:
    """Run an experiment with this session's own connection, and redirect to its result."""
    found = find(slug)
    if found is None:
        raise Http404
    run = uuid.uuid4()
    RecordedExchange.objects.forget_runs(journey(request), experiment=slug)
    try:
        with alone(connection_of(request)) as connection:
            observe = observer(request, experiment=slug, run=run)
            bench = Bench(
                run=run,
                server=AuthorizationServer(registration=registration(), observe=observe),
                connection=connection,
                recorded=RecordedExchange.objects.of(journey(request)),
            )
            elsewhere = found.run(bench)
    except NothingToTryWithError as reason:
        RecordedExchange.objects.filter(journey=journey(request), run=run).delete()  # nothing was tried
        messages.info(request, str(reason))
        return redirect("lifecycle")
    except UnreadableError:
        messages.info(request, "The tokens can no longer be read. Connect again.")
        return redirect("lifecycle")
    if elsewhere:
        return HttpResponseRedirect(elsewhere)
    return HttpResponseRedirect(f"{reverse('lifecycle')}?run={run}#{slug}")
