"""Realistic sample prescriptions for new patients, while DEBUG is on."""

from datetime import datetime, timedelta

from prescription_manager_app.models import Patient, Prescription

# medicine, dose, schedule, refills left, prescriber, days since it was added, renewed and stopped
SAMPLES = (
    ("Lisinopril", "10 mg", "One tablet every morning", 3, "Dr Maya Okafor", 160, 22, None),
    ("Metformin", "500 mg", "One tablet twice a day, with meals", 5, "Dr Maya Okafor", 160, 22, None),
    ("Salbutamol inhaler", "100 micrograms", "Two puffs when needed", 1, "Dr Henrik Lund", 88, None, None),
    ("Levothyroxine", "75 micrograms", "One tablet daily, before breakfast", 0, "Dr Maya Okafor", 75, 40, None),
    ("Amoxicillin", "500 mg", "One capsule three times a day for 7 days", 0, "Dr Priya Raman", 62, None, 55),
)


def give_samples(patient: Patient, *, now: datetime) -> None:
    """Store the sample prescriptions for a patient who has none."""
    Prescription.objects.bulk_create(
        Prescription(
            patient=patient,
            medicine=medicine,
            dose=dose,
            schedule=schedule,
            refills_left=refills_left,
            prescriber=prescriber,
            added_at=now - timedelta(days=added),
            last_renewed_at=None if renewed is None else now - timedelta(days=renewed),
            stopped_at=None if stopped is None else now - timedelta(days=stopped),
        )
        for medicine, dose, schedule, refills_left, prescriber, added, renewed, stopped in SAMPLES
    )
