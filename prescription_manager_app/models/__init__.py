"""Models of this app: patients, their prescriptions, and their connections to the authorization server."""

from prescription_manager_app.models.authorization import Authorization
from prescription_manager_app.models.connection import Connection
from prescription_manager_app.models.patient import Patient
from prescription_manager_app.models.prescription import Prescription
from prescription_manager_app.models.recorded_exchange import RecordedExchange
from prescription_manager_app.models.sign_out import SignOut

__all__ = ["Authorization", "Connection", "Patient", "Prescription", "RecordedExchange", "SignOut"]
