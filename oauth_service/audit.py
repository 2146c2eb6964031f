"""Public: write waiting events to the audit trail now, at the end of a script or in a test that reads the trail."""

from .watch.audit import flush

__all__ = ["flush"]
