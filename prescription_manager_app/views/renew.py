"""POST /prescriptions/<pk>/renew/ -- use one refill."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from prescription_manager_app.visits import Visit, connected


@require_POST
@connected
def renew(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    """Renew the patient's own prescription once, or say why that is impossible."""
    prescription = get_object_or_404(visit.patient.prescriptions, pk=pk)
    shown = request.POST.get("refills_left", "")
    refills_left = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 4 else -1
    if visit.patient.prescriptions.renew(pk, refills_left=refills_left, now=timezone.now()):
        messages.success(request, f"{prescription} was renewed. {_refills(refills_left - 1)} left.")
    elif prescription.stopped_at is not None:
        messages.error(request, f"{prescription} was stopped and cannot be renewed.")
    elif prescription.refills_left == 0:
        messages.error(
            request, f"{prescription} has no refills left. Please ask {prescription.prescriber} for a new prescription."
        )
    else:
        messages.info(
            request, f"{prescription} had changed in the meantime: {_refills(prescription.refills_left)} left."
        )
    return redirect("home")


def _refills(count: int) -> str:
    return "1 refill" if count == 1 else f"{count or 'No'} refills"
