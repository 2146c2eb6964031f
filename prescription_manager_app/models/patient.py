"""Patients, identified by the authorization server."""

from django.db import models


class Patient(models.Model):
    """
    An account at an authorization server.

    Identified by issuer and sub together: another server may give the same sub to someone else (OIDC Core section 2).
    """

    issuer = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    first_connected_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "sub"], name="patient_once_per_issuer")]

    def __str__(self) -> str:
        return f"{self.sub} at {self.issuer}"
