"""Public: write what waits for the audit trail now, at the end of a script or in a test that reads it."""

from .watch.audit import flush

__all__ = ["flush"]
