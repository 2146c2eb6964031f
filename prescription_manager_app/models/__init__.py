"""What this app stores: patients, their prescriptions, and their connections to the authorization server."""

from prescription_manager_app.models.connection import Connection
from prescription_manager_app.models.patient import Patient
from prescription_manager_app.models.prescription import Prescription
from prescription_manager_app.models.recorded_exchange import RecordedExchange

__all__ = ["Connection", "Patient", "Prescription", "RecordedExchange"]
