"""POST /prescriptions/<pk>/resume/ -- put a stopped prescription back on the list."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from prescription_manager_app.visits import Visit, connected


@require_POST
@connected
def resume(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    """Undo a stop of the patient's own prescription."""
    prescription = get_object_or_404(visit.patient.prescriptions, pk=pk)
    if visit.patient.prescriptions.resume(pk):
        messages.success(request, f"{prescription} is back on your list.")
    else:
        messages.info(request, f"{prescription} was on your list already.")
    return redirect("home")
