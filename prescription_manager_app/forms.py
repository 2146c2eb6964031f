"""The form for a prescription."""

from django import forms

from prescription_manager_app.models import Prescription


class PrescriptionForm(forms.ModelForm):
    """A new prescription, with the fields of its printed label."""

    class Meta:
        model = Prescription
        fields = ["medicine", "dose", "schedule", "refills_left", "prescriber"]
        labels = {"schedule": "When to take it", "refills_left": "Refills left", "prescriber": "Prescribed by"}
        help_texts = {
            "medicine": "The name on the label, such as Amoxicillin.",
            "dose": "How much at a time, such as 500 mg.",
            "schedule": "Such as: one capsule three times a day.",
            "refills_left": "The number of renewals that are left, from 0 to 12.",
            "prescriber": "Your doctor or clinic.",
        }
        widgets = {
            name: forms.TextInput(attrs={"autocomplete": "off"})
            for name in ("medicine", "dose", "schedule", "prescriber")
        }
