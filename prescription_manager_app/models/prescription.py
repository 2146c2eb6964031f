"""Prescriptions of patients."""

from datetime import datetime

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F

from prescription_manager_app.models.patient import Patient


class PrescriptionQuerySet(models.QuerySet["Prescription"]):
    """Every write is conditional, so a double click or an outdated page changes nothing twice."""

    def renew(self, pk: int, *, refills_left: int, now: datetime) -> bool:
        """
        Use one refill of an active prescription; False if it was stopped, used up or renewed in the meantime.

        Args:
            refills_left: number of refills that the patient saw.
        """
        current = self.filter(pk=pk, stopped_at=None, refills_left=refills_left, refills_left__gt=0)
        return current.update(refills_left=F("refills_left") - 1, last_renewed_at=now) == 1

    def stop(self, pk: int, *, now: datetime) -> bool:
        """Mark a prescription as stopped; it stays on the list. False if it was stopped before."""
        return self.filter(pk=pk, stopped_at=None).update(stopped_at=now) == 1

    def resume(self, pk: int) -> bool:
        """Put a stopped prescription back on the list. False if it is there already."""
        return self.filter(pk=pk, stopped_at__isnull=False).update(stopped_at=None) == 1


class Prescription(models.Model):
    """A medicine, as a doctor prescribed it."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="prescriptions")
    medicine = models.CharField(max_length=100)
    dose = models.CharField(max_length=60)
    schedule = models.CharField(max_length=120)
    refills_left = models.PositiveSmallIntegerField(validators=[MaxValueValidator(12)])
    prescriber = models.CharField(max_length=100)
    added_at = models.DateTimeField()
    last_renewed_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    objects = PrescriptionQuerySet.as_manager()

    class Meta:
        ordering = ["added_at", "pk"]

    def __str__(self) -> str:
        return f"{self.medicine} {self.dose}"
