"""POST /prescriptions/<pk>/stop/ -- keep a prescription on the list as stopped."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from prescription_manager_app.visits import Visit, connected


@require_POST
@connected
def stop(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    """Stop the patient's own prescription."""
    prescription = get_object_or_404(visit.patient.prescriptions, pk=pk)
    if visit.patient.prescriptions.stop(pk, now=timezone.now()):
        messages.success(request, f"{prescription} was stopped. It is listed under Stopped; “Take again” undoes this.")
    else:
        messages.info(request, f"{prescription} was stopped before.")
    return redirect("home")
