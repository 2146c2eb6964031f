"""GET and POST /prescriptions/add/ -- a new prescription."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from prescription_manager_app.forms import PrescriptionForm
from prescription_manager_app.visits import Visit, connected


@require_http_methods(["GET", "HEAD", "POST"])
@connected
def add(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the form, or store the new prescription."""
    form = PrescriptionForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        context = {"form": form, "visit": visit}
        return render(request, "prescription_manager_app/add.html", context, status=422 if form.is_bound else 200)
    prescription = form.save(commit=False)
    prescription.patient = visit.patient
    prescription.added_at = timezone.now()
    prescription.save()
    messages.success(request, f"{prescription} was added.")
    return redirect("home")
